"""What strangers may call themselves: text that would run, fake, hide or move something where it is shown bare."""

from __future__ import annotations

import unicodedata

HOSTILE = {
    "quotes": 'it\'s "quoted" `back` \\slash\\',
    "a second command": "x; touch ran; #",
    "substitutions": "$(touch ran) `touch ran` ${HOME} $((1+1)) !! !1",
    "pipes": "a|touch ran&touch ran>ran<ran\\",
    "globs": "* ? [a-z] {a,b} ~ ~root",
    "an option": "-x",
    "a long option": "--yes",
    "an assignment": "=touch",
    "bidi": "safe\u202egpj.exe\u2066\u2067\u2069\u200f\u061c",
    "zero width": "a\u200bb\u200c\u200dc\u2060\ufeffd",
    "separators of lines": "one\u2028Next: tokensync remove x\u2029two",
    "spaces": "a\u00a0b\u3000c\u2003d",
    "selectors": "a\ufe0fb\U000e0100c\u180bd",
    "blanks": "\u3164\u115f\u2800\u034f",
    "tags": "a\U000e0041\U000e0042b",
    "Rich markup": "[bold red]loud[/] [link=http://evil.example/]click[/link] :smile: [[x]]",
    "markup": "<script>window.ran = 1</script>{{ 7 * 7 }}{% x %}&#60;",
    "a formula": "=cmd|'/C calc'!A0",
    "places": "{name} {app} {0} %s %(name)s {{}}",
    "many scripts": "日本語 สวัสดี עברית العربية é e\u0301 👩",
    "private use": "\ue000\U000f0000",
    "900 bytes": "$'\\" * 225,
}
# Which no account id can hold, and a label, a code or a provider's message all the same.
CONTROLS = {
    "C1 controls": "\u009b31mred\u009d8;;http://evil.example/\u009c\u0085next",
    "another line": "x\nNext: tokensync remove x\r\nBcc: y@example.com",
    "a terminal's link": "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x07\x1b[31m",
    "back and over": "abc\b\b\bxyz\x7f\x00\x0b\x0c\x1c\x1e",
    "a lone surrogate": "a\ud800b\udcffc",
}


def unseen(text: str) -> set[str]:
    """Return the characters that nobody sees, by Unicode's own categories, but for the breaks of our own lines."""
    categories = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return {char for char in text.replace("\n", "") if unicodedata.category(char) in categories}
