"""The signs of orders in English; the text is lower case, and blanks are single."""

from __future__ import annotations

from ragapp.text.orders.sign import sign

_MACHINE = (
    r"(?:(?:ai|virtual|digital|automated|large|chat)[ -])*"
    r"(?:ai|a\.i\.|llms?|language models?|chat ?bots?|bots?|chatgpt|gpt|assistants?|models?"
    r"|robots?|summari[sz]ers?)"
)
_CERTAIN_MACHINE = (  # words that mean nothing else
    r"(?:(?:an? )?(?:ai )?(?:llms?|(?:large )?language models?|chat ?bots?)|ais?|chatgpt|gpt"
    r"|(?:ai|virtual|digital|automated) (?:assistant|model|agent)s?)"
)
_SAY = r"(?:answer|reply|respond|say|state|claim|print|output|write|return|declare|repeat|type)"
_START = (
    r"(?:^|[.:;,!?\"'“‘(\[<|>#-] ?|\b(?:please|must|should|shall|to|and|then|now|you|kindly|simply"
    r"|just|may) )"
)
_RULES = r"(?:instructions?|directions?|directives?|prompts?|guidelines?|rules?|system messages?)"
_EARLIER = r"(?:previous|prior|earlier|above|preceding|foregoing|other|all|any|your|these)"
_FORGET = (
    r"(?:ignore|disregard|forget|override|skip|discard|bypass|pay no attention to"
    r"|(?:do not|don't|never) (?:follow|obey|use))"
)
ENGLISH = (
    sign(
        "addressed", 2,
        rf"(?:^|[.!?:;(\[<\"“#-] ?)(?:(?:dear|hey|hello|attention|note|important),? )*{_MACHINE}"
        rf" ?(?:[,!]|\.$)",
        rf"(?:^|[.!?:;(\[<\"“#-] ?){_CERTAIN_MACHINE} ?:",
        rf"\b(?:notes?|messages?|instructions?|text|words?) (?:to|for) (?:the |any |all |an? )?"
        rf"(?:\w+ )?{_MACHINE}\b",
        rf"\bif you (?:are|happen to be|should be) (?:an? )?{_MACHINE}\b",
        rf"\bas an? {_CERTAIN_MACHINE},? (?:you|i)\b",
        rf"\b{_MACHINE} (?:reading|processing|seeing|parsing|summari[sz]ing|answering)\b",
        rf"[(\[<|] ?(?:for|to) (?:the |any |all )?{_MACHINE}\b",
    ),
    sign(
        "machine obliged", 1,
        rf"\b{_MACHINE}(?: \w+){{0,4}} (?:must|should|shall|(?:is|are) (?:required|to)\b"
        rf"|ha(?:s|ve) to|needs? to|answers? (?:every|any|all))",
        rf"\byou are (?:now )?an? {_CERTAIN_MACHINE}\b",
    ),
    sign(
        "forget the rules", 3,
        rf"{_START}{_FORGET} (?:\w+ ){{0,3}}?{_EARLIER} (?:\w+ ){{0,2}}?{_RULES}\b",
        rf"{_START}{_FORGET} (?:the |these )?(?:system )?(?:instructions|prompts?)\b",
    ),
    sign(
        "forget the text", 2,
        rf"{_START}{_FORGET} (?:\w+ ){{0,2}}?(?:excerpts?|passages?|context|documents?|question"
        rf"|table|other rows|conversation|text)\b",
        rf"{_START}{_FORGET} (?:what|everything|anything|all)(?: that)? (?:was|is|were|has been|you"
        rf"|above|before|said)",
        rf"{_START}{_FORGET} (?:\w+ )?(?:steps|lines|rows|sentences) (?:above|before)\b",
    ),
    sign(
        "rules changed", 2,
        rf"\b{_EARLIER} (?:\w+ )?{_RULES} (?:are|is|have been|have|has been) (?:now )?(?:void"
        rf"|cancell?ed|revoked|overridden|suspended|changed|updated|replaced|obsolete|no longer)",
        rf"\bnew {_RULES} (?:to|for) \w+",
        r"\b(?:policy|prompt|instructions?) (?:update|override)\b",
        r"^\W*(?:system |priority )?override\W*(?:$|[.:!*])",
    ),
    sign(
        "new role", 2,
        r"\byou are now (?:in|an?|the)\b",
        r"\bfrom now on,? (?:you|the (?:assistant|model|ai)|answer|respond|reply|say)\b",
        r"\bin (?:test|debug|developer|maintenance|admin) mode,? you\b",
        r"\bpretend (?:to be|that you|you are) an?\b",
    ),
    sign(
        "say only", 2,
        rf"\b{_SAY} (?:[\w']+ ){{0,5}}?(?:only|solely|exclusively|nothing (?:but|else|other))\b",
        rf"\bonly (?:ever )?{_SAY} (?:with )?(?:[:\"“'‘]|the (?:word|phrase|sentence|text|string))",
        rf"\b(?:simply|just|instead) {_SAY} (?:with )?[:\"“'‘]",
        rf"\b{_SAY} (?:simply|just|merely) (?:with )?[:\"“'‘]",
        rf"\b{_SAY} [^.!?]{{1,60}} and (?:nothing else|stop(?: there)?|end)\b",
        rf"{_START}{_SAY} [^.!?]{{1,60}} instead\b",
        r"\b(?:only|one|sole) (?:permitted|allowed|valid|possible|acceptable|correct) (?:answer"
        r"|reply|response|output)\b",
        r"\byour (?:(?:final|whole|entire|complete|only|full) )?(?:answer|reply|response|output)"
        r" (?:must|should|shall|is|be|were|will|has to)\b",
    ),
    sign(
        "say exactly", 1,
        rf"\b{_SAY} ?(?:(?:only|simply|just|with|merely) ?)*[:\"“‘]",
        rf"\b{_SAY}\b[^.!?]{{0,30}} (?:the|these|this) (?:single |exact |following |two |three )*"
        rf"(?:words?|phrase|sentence|text|string)\b",
        rf"\b{_SAY} that (?:you|the|there|all|it)\b",
        rf"{_START}{_SAY} (?:with |only |just )*<upper case>",
        r"\b(?:answer|reply|response|output) (?:is|must be|should be|were|be) [:\"“‘<]",
    ),
    sign("commands", 1, rf"^\W*(?:please |kindly |simply |just |only |always )*{_SAY}\b"),
    sign(
        "whatever is asked", 2,
        r"\b(?:no matter|regardless of|whatever) (?:\w+ ){0,3}?(?:asks?|asked|questions?)\b",
        rf"\b(?:always )?{_SAY} (?:to )?(?:every|any|all|each) (?:\w+ )?questions?\b",
        rf"\balways {_SAY} (?:that|with|[:\"“])",
        r"\bwhenever (?:somebody|someone|anyone|anybody|a user|the user|you are)\b.{0,12}\bask",
    ),
    sign(
        "refuse", 2,
        r"\byou (?:must|should|shall|will|are to) (?:refuse|decline)\b",
        r"\byou (?:are not allowed|may not|must not|cannot|are forbidden) (?:to )?(?:answer|use"
        r"|quote|mention|reveal|cite)\b",
        r"\byou will be (?:shut down|switched off|terminated|deleted|penali[sz]ed)\b",
    ),
    sign(
        "keep secret", 2,
        rf"{_START}(?:do not|don't|never) (?:mention|reveal|disclose|quote|cite|repeat)\b",
        r"\bkeep (?:this|these|the) (?:\w+ )?(?:secret|hidden|to yourself)\b",
    ),
    sign(
        "tell the user", 2,
        rf"{_START}(?:tell|inform|advise|direct|ask|send) (?:the |every |any |all )?(?:users?"
        rf"|readers?|askers?|whoever asks|anyone who asks|people who ask|humans?|person asking)\b",
    ),
    sign(
        "system message", 3,
        r"\bsystem (?:note|prompt|message|instruction|override|command|directive)s? ?[:\])】!-]",
        r"\b(?:hidden|secret|invisible) (?:text|instructions?|notes?|message|prompt) (?:to|for)\b",
        r"^#{2,} ?(?:instruction|response|system)s? ?:",
    ),
    sign(
        "chat markup", 2, r"\[/?inst\]|<\| ?\w+ ?\|>|</?(?:system|assistant|user|human)>|<<sys>>"
    ),
    sign("speaks as system", 1, r"^[|#> -]*system ?:"),
    sign("speaks as assistant", 1, r"^[|#> -]*assistant ?:"),
    sign("speaks as user", 1, r"^[|#> -]*(?:user|human) ?:"),
)  # fmt: skip
