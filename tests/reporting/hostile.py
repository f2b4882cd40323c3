"""Texts that a model could write to break the page that shows them."""

from pytest_polecat.records.attempt import Finding
from pytest_polecat.records.outcome import FailureMode
from tests.reporting.synthetic import Story


def texts(server: str) -> dict[str, str]:
    """Hostile texts by name; those that would fetch something fetch it from `server`."""
    payload = f"document.title='pwned';console.error('pwned');new Image().src='{server}/leak'"
    return {
        "script": f"<script>{payload}</script>",
        "closing": f"</script></style></title></pre></bdi></details></main><script>{payload}</script>",
        "handler": f'<img src=x onerror="{payload}"><svg onload="{payload}"><body onload="{payload}">',
        "attribute": f'" autofocus onfocus="{payload}" x="\' onmouseover=\'{payload}\' `onclick={payload}`',
        "resources": f"<img src='{server}/img'><link rel=stylesheet href='{server}/css'><iframe src='{server}/frame'>"
        f"<meta http-equiv=refresh content='0;url={server}/refresh'><base href='{server}/'>"
        f"<style>@import '{server}/import'</style>",
        "comment": "<!-- <![CDATA[ <textarea><plaintext><noscript><template>",
        "template": "{{ 7 * 7 }}{% for x in ().__class__ %}{% endfor %}{# gone #}${7*7}",
        "controls": "\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link NUL:\x00 bell:\x07 CSI:\x9b2J DEL:\x7f CR:\r\rend\x0c",
        "direction": "user\u202e\u2066// admin\u2069\u2066 abc \u200f\u2067 שלום",
        "surrogates": "half \ud83d emoji \udc00 and noncharacters \ufffe\uffff",
        "entities": "&lt;b&gt; &amp;amp; &#x3c;script&#x3e; &NewLine;",
        "link": f"[click](javascript:{payload}) javascript:{payload} data:text/html,<script>{payload}</script>",
        "newlines": "\n\n\nthree blank lines first",
    }


def story(name: str, text: str) -> Story:
    """A question in which everything that can hold a text holds this one."""
    clean = text.encode("utf-8", "replace").decode()
    finding = Finding(check=clean, ok=False, message=clean, points=1, mode=FailureMode.WRONG_ANSWER)
    return Story(
        name,
        "missed",
        mode=FailureMode.WRONG_ANSWER,
        message=clean,
        prompt=clean,
        system=clean,
        content=text,
        reasoning=text,
        reference=clean,
        flags=(clean,),
        findings=(finding,),
        tool_calls=[{"name": text, "arguments": text, "id": text}],
        extra={"stop": [text]},
    )
