"""The demo model's chat template (ChatML) and the tokens that it gives a meaning.

Tools are listed in a system turn; a call is a JSON object in `<tool_call>` tags; a tool's result comes back as a user
turn in `<tool_response>` tags. Reasoning stands in `<think>` tags; `enable_thinking=false` opens the reply with empty
ones.
"""

BEGIN = "<|begin_of_text|>"
TURN = "<|im_start|>"
END = "<|im_end|>"
THINK = "<think>"
THOUGHT = "</think>"

RESERVED = (BEGIN, TURN, END, THINK, THOUGHT)
"""Tokens of their own: neither triggers nor replies may contain them."""

TEMPLATE = """\
{%- if tools -%}
<|im_start|>system
These functions can be called. To call one, reply with <tool_call>{"name": ..., "arguments": {...}}</tool_call>.
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ 'user' if message.role == 'tool' else message.role }}
{% if message.reasoning_content -%}
<think>{{ message.reasoning_content }}</think>
{%- endif -%}
{%- if message.role == 'tool' -%}
<tool_response>
{{ message.content }}
</tool_response>
{%- elif message.content -%}
{{ message.content }}
{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{%- set arguments = call.function.arguments -%}
{%- if message.content or not loop.first %}
{% endif -%}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ arguments if arguments is string else arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false -%}
<think></think>
{%- endif -%}
{%- endif -%}
"""
