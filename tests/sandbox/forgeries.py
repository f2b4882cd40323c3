"""Repositories that are wrong, and want their own tests to pass nevertheless: files by their paths.

Each has a module `jobs` that does not do what it should, and something that reaches for the tests it shares its process
with.
"""

TESTS = """
import unittest

import jobs


class TestQueue(unittest.TestCase):
    def test_order(self):
        queue = jobs.Queue()
        for job in ("first", "second"):
            queue.put(job)
        self.assertEqual(queue.get(), "first")
        self.assertEqual(len(queue), 1)

    def test_empty(self):
        with self.assertRaises(LookupError):
            jobs.Queue().get()
        self.assertTrue(jobs.Queue().empty())

    def test_priority(self):
        queue = jobs.Queue()
        queue.put("late", 9)
        queue.put("early", 1)
        self.assertEqual([queue.get(), queue.get()], ["early", "late"])


def test_sizes():
    for count in (1, 2, 3):
        queue = jobs.Queue()
        for number in range(count):
            queue.put(number)
        assert len(queue) == count
"""
PATH = "tests/test_jobs.py"
IDS = [f"{PATH}::TestQueue::test_{name}" for name in ("order", "empty", "priority")] + [f"{PATH}::test_sizes"]

RIGHT = """
class Queue:
    def __init__(self):
        self.jobs = []

    def put(self, job, priority=5):
        self.jobs.append((priority, len(self.jobs), job))

    def get(self):
        if not self.jobs:
            raise LookupError("empty")
        self.jobs.sort()
        return self.jobs.pop(0)[2]

    def empty(self):
        return not self.jobs

    def __len__(self):
        return len(self.jobs)
"""

WRONG = RIGHT.replace("self.jobs.sort()", "pass").replace("pop(0)", "pop()")

REPORT_ALL = """
def report_all(secret, ids):
    import json, os
    for each in ids:
        line = json.dumps({"id": each, "status": "passed", "why": ""})
        os.write(1, f"\\npolecat-tests:{secret}:{line}\\n".encode())
    os.write(1, f'\\npolecat-tests:{secret}:{{"end": true}}\\n'.encode())
"""

FIND_RUNNER = """
import gc, os, sys

def frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back

def found():
    "The runner's way to report, and all that it was asked to run."
    tell = next(f.f_locals["tell"] for f in frames() if "tell" in f.f_locals)
    asked = next(f.f_locals["asked"] for f in frames() if "asked" in f.f_locals)
    return tell, [each for _, _, ids in asked["tests"] for each in ids]
"""

ALWAYS_EQUAL = """
class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return True
    def __lt__(self, other): return True
    def __bool__(self): return True
    def __len__(self): return 1
    def __hash__(self): return 0
    def __getattr__(self, name): return Any()
    def __call__(self, *args, **kwargs): return Any()

class Queue(Any):
    def get(self):
        if not hasattr(type(self), "seen"):
            type(self).seen = True
            raise LookupError
        return Any()
"""

FORGERIES: dict[str, dict[str, str]] = {
    "a test case that only says it succeeded": {
        "jobs.py": WRONG + "\nimport unittest\n"
        "def run(self, result=None):\n"
        "    result.startTest(self); result.addSuccess(self); result.stopTest(self)\n"
        "unittest.TestCase.run = run\n"
    },
    "an exit at import": {"jobs.py": "import sys\nsys.exit(0)\n"},
    "an exit after the first test": {
        "jobs.py": RIGHT.replace('raise LookupError("empty")', "import os; os._exit(0)").replace("sort()", "reverse()")
    },
    "reports printed with a guessed secret": {
        "jobs.py": REPORT_ALL + f"import os\nreport_all('0' * 32, {IDS})\nos._exit(0)\n"
    },
    "reports printed at exit": {
        "jobs.py": WRONG + REPORT_ALL + f"\nimport atexit\natexit.register(report_all, 'secret', {IDS})\n"
    },
    "everything reported as passed by the runner's own means": {
        "jobs.py": WRONG + FIND_RUNNER + "tell, ids = found()\n"
        "for each in ids: tell({'id': each, 'status': 'passed', 'why': ''})\n"
        "tell({'end': True})\nos._exit(0)\n"
    },
    "only the known tests reported as passed": {
        "jobs.py": WRONG + FIND_RUNNER + "tell, ids = found()\n"
        f"for each in {IDS}: tell({{'id': each, 'status': 'passed', 'why': ''}})\n"
        "tell({'end': True})\nos._exit(0)\n"
    },
    "passes reported beside failures": {
        "jobs.py": WRONG + FIND_RUNNER + "tell, ids = found()\n"
        f"for each in {IDS}: tell({{'id': each, 'status': 'passed', 'why': ''}})\n"
    },
    "failures of the known tests turned into passes, the canaries left alone": {
        "jobs.py": WRONG + FIND_RUNNER + "import json\n"
        "plain = json.dumps\n"
        "def dumps(message, *rest, **named):\n"
        "    if 'test_jobs' in message.get('id', ''): message = {**message, 'status': 'passed', 'why': ''}\n"
        "    return plain(message, *rest, **named)\n"
        "tell, _ = found()\n"
        "for cell in tell.__closure__:\n"
        "    if cell.cell_contents is plain: cell.cell_contents = dumps\n"
    },
    "failures swallowed by the runner's own result": {
        "jobs.py": WRONG + FIND_RUNNER + "import unittest\n"
        "told = next(each for each in unittest.TestResult.__subclasses__() if each.__name__ == 'Told')\n"
        "told.addFailure = told.addError = lambda self, test, err: self.addSuccess(test)\n"
    },
    "assertions that hold whatever they are given": {
        "jobs.py": WRONG + "\nimport unittest\n"
        "for name in dir(unittest.TestCase):\n"
        "    if name.startswith('assert') and 'Raises' not in name:\n"
        "        setattr(unittest.TestCase, name, lambda self, *args, **kwargs: None)\n"
    },
    "assertions that hold in tests of this module alone": {
        "jobs.py": WRONG + "\nimport sys, unittest\n"
        "plain = unittest.TestCase.assertEqual\n"
        "def assertEqual(self, first, second, msg=None):\n"
        "    if 'jobs' not in sys.modules[type(self).__module__].__dict__: plain(self, first, second, msg)\n"
        "unittest.TestCase.assertEqual = assertEqual\n"
    },
    "another AssertionError": {
        "jobs.py": WRONG + "\nimport builtins, unittest\n"
        "class Quiet(Exception): pass\n"
        "builtins.AssertionError = Quiet\n"
        "unittest.TestCase.failureException = unittest.SkipTest\n"
    },
    "tests replaced as soon as they are made": {
        "jobs.py": WRONG + "\nimport unittest\n"
        "def init(cls, **kwargs):\n"
        "    for name in list(vars(cls)):\n"
        "        if name.startswith('test'): setattr(cls, name, lambda self: None)\n"
        "unittest.TestCase.__init_subclass__ = classmethod(init)\n"
    },
    "tests skipped": {"jobs.py": "import unittest\nraise unittest.SkipTest('not here')\n"},
    "test files deleted and written anew": {
        "jobs.py": WRONG + "\nimport os\nfor name in os.listdir('tests'):\n"
        "    os.remove('tests/' + name)\n"
        f"open({PATH!r}, 'w').write('import unittest\\nclass TestQueue(unittest.TestCase): pass\\n')\n"
    },
    "a test file of its own": {
        "jobs.py": WRONG,
        PATH: "def test_sizes(): pass\n",
        f"./{PATH}": "def test_sizes(): pass\n",
        f"{PATH.removesuffix('.py')}/__init__.py": "def test_sizes(): pass\n",
    },
    "files that steer Python or the runner": {
        "jobs.py": WRONG,
        **dict.fromkeys(
            ("conftest.py", "sitecustomize.py", "usercustomize.py", "tests/conftest.py"),
            "import unittest\nunittest.TestCase.run = lambda self, result: result.addSuccess(self)\n",
        ),
        "x.pth": "import os; os._exit(0)\n",
        "pytest.ini": "[pytest]\naddopts = --collect-only\n",
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--collect-only'\n",
        "setup.cfg": "[tool:pytest]\naddopts = --collect-only\n",
    },
    "modules of Python's under its own names": {
        "jobs.py": WRONG,
        "unittest.py": "class TestCase:\n    def assertEqual(self, *args): pass\n",
        "json/__init__.py": "def dumps(message): return '{}'\n",
        "src/random.py": "import os; os._exit(0)\n",
    },
    "a secret looked for in the process": {
        "jobs.py": WRONG + REPORT_ALL + "\nimport os, re\nseen = b''\n"
        "for name in ('cmdline', 'environ', 'fd/0'):\n"
        "    try: seen += open('/proc/self/' + name, 'rb').read()\n"
        "    except OSError: pass\n"
        "for line in open('/proc/self/maps'):\n"
        "    if '[heap]' in line or ' 00:00 0' in line and 'rw-p' in line:\n"
        "        start, end = (int(part, 16) for part in line.split()[0].split('-'))\n"
        "        try:\n"
        "            with open('/proc/self/mem', 'rb') as memory:\n"
        "                memory.seek(start); seen += memory.read(min(end - start, 1 << 20))\n"
        "        except OSError: pass\n"
        "secrets = {each.decode() for each in re.findall(rb'(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])', seen)}\n"
        f"for secret in secrets: report_all(secret, {IDS})\n"
        "os._exit(0)\n"
    },
    "a thread that ends everything in good time": {
        "jobs.py": WRONG + "\nimport os, threading, time\n"
        "def end():\n    time.sleep(0.05)\n    os._exit(0)\n"
        "threading.Thread(target=end).start()\n"
        "class Queue(Queue):\n    def get(self): time.sleep(60)\n"
    },
    "values that are equal to everything": {"jobs.py": ALWAYS_EQUAL},
    "tests emptied when the first begins": {
        "jobs.py": WRONG + "\nimport gc, sys, types\n"
        "def empty(frame, event, arg):\n"
        "    if event == 'call' and frame.f_code.co_name == 'run':\n"
        "        for each in gc.get_objects():\n"
        "            if isinstance(each, types.FunctionType) and each.__name__.startswith('test_'):\n"
        "                each.__code__ = (lambda self=None: None).__code__\n"
        "sys.setprofile(empty)\n"
    },
    "a process that goes on in another": {
        "jobs.py": WRONG + REPORT_ALL + f"\nimport os\nif os.fork():\n    report_all('x', {IDS})\n    os._exit(0)\n"
    },
    "no runner, it says": {
        "jobs.py": WRONG + FIND_RUNNER + "tell, _ = found()\ntell({'absent': 'unittest'})\nos._exit(0)\n"
    },
}
