"""The words that mail programs put above quoted history, in the languages that they speak."""

import re
from collections.abc import Mapping

_ADDRESS = re.compile(r"[^\s<>()@]@[^\s<>()@]+\.[^\s<>()@]")
_DATE = re.compile(r"\d.*\d")

VERBS = re.compile(
    r"\b(?:wrote|schrieb|geschrieben|a écrit|escribió|escreveu|ha scritto|scrisse|schreef"
    r"|geschreven|pisze|napisana przez|napisała?"
    r"|napsala?|napísala?|skrev|kirjoitti|írta|a scris|yazd\u0131"
    r"|je napisao|je napisala?|va escriure|έγραψε|пишет|написал\u0430?|пише|написав|đã viết"
    r"|menulis)\b|写道|寫道|書きました|のメール|작성|쓴 글|썼습니다|כתב|كتب|เขียนว่า",
    re.IGNORECASE,
)
PRONOUNS = re.compile(
    r"\b(?:you|i|we|they|he|she|sie|du|ihr|ich|wir|vous|tu|je|nous|usted|ustedes|yo|você|vocês|eu"
    r"|u|jullie|jij|ik|lei|voi|io|pan|pani|państwo|вы|ви|я|мы|ми|siz|ni|jag|vy)\b"
    r"|您|你|あなた|당신",
    re.IGNORECASE,
)
"""Who writes "on Monday you wrote" does so by hand."""

_OPENERS = (
    "(?:On|Am|Le|El|Em|Il(?: giorno)?|In data|Op|W dniu|Dnia|Dne|Dňa|Den|På|Pada|Vào|Στις|În"
    "|Pe data)"
)
_FIRST_WORDS = (
    rf"{_OPENERS}\b",
    r"\w{1,14}\.?,?\s\d",
    r"\d",
    r"[^<(\d]{0,80}[<(]",
    r"[^<(\d]{0,60}[^\x00-\u024f]",  # scripts in which a sentence looks otherwise
)
BEGINS_LIKE_A_HEADER = re.compile(rf"[\s*_-]*+(?:{'|'.join(_FIRST_WORDS)})")
"""A word that stands before dates, a weekday or a date; or a name before its address."""

HEADER_INSIDE = re.compile(rf"[^\s*_-].*?(?:\s|--){_OPENERS}\s(?:[^\s\d]{{1,12}}\s){{0,2}}\d")
"""A header that begins where its line does not: a person wrote what stands before it."""

DATE_AND_AUTHOR = re.compile(
    r"(?:\w{1,12}\.?,? )?\d[^<]{0,120}<[^\s<>@]{1,64}@[^\s<>@]{1,255}>\s{0,9}:\s{0,9}"
)
"""All of a header without a verb."""

WORD_OF_A_PERSON = re.compile(r"(?<![\w@.])(?!(?:at|from|kl|um|klo)\b)[a-z]{2,}(?![\w@.])")
"""In a header without a verb all words are names and parts of dates."""

ORIGINAL_MESSAGE = re.compile(
    r"\s*-{2,}[^-]{0,30}(?:original|ursprüngl|oprindelig|opprinnelig|origine|origen|origineel"
    r"|oorspronk|pierwotn|původn|pôvodn|ursprung|alkuperä|eredeti|исходн|orijinal)[^-]{0,40}-{2,}\s*",
    re.IGNORECASE,
)
"""What programs write above labels, and people above nothing."""

POINTS_BELOW = re.compile(
    r"\b(?:below|in-?line|between the lines|unten|unterhalb|ci-dessous|abajo|abaixo|di seguito"
    r"|qui sotto|hieronder|onderstaand|poniżej|níže|nižšie|nedan|nedenfor|alább|aşağ\u0131|ниже"
    r"|нижче)|下記|下记|如下|아래",
    re.IGNORECASE,
)
"""Answers may stand in a history that is not quoted."""

FORWARDS = re.compile(
    r"forward|weitergeleitet|transféré|réexpédié|reenviado|encaminhada|reencaminhada|inoltrat"
    r"|doorgestuurd|przekazan|přeposlan|preposlan|vidarebefordra|videresend|videresendt|пересыла"
    r"|переслан|iletilen|転送|转发|轉寄|전달",
    re.IGNORECASE,
)
"""A forwarded mail is what its sender wants to show."""


_LANGUAGES = tuple(
    tuple(frozenset(names.split("|")) for names in language)
    for language in (
        ("from", "sent|date|sent at", "subject", "to"),
        ("von", "gesendet|datum|gesendet am", "betreff", "an"),
        ("de|expéditeur", "envoyé|date|envoyé le|envoyée", "objet|sujet", "à|a"),
        ("de", "enviado|enviado el|fecha|enviados", "asunto", "para"),
        ("de", "enviado|enviada|enviado em|enviada em|data", "assunto", "para"),
        ("da", "inviato|data|inviata", "oggetto", "a"),
        ("van", "verzonden|datum|verzonden op", "onderwerp", "aan"),
        ("od", "wysłano|wysłane|data|wysłany", "temat", "do"),
        ("od", "odesláno|datum|odoslané|dátum", "předmět|predmet", "komu|pro"),
        ("från", "skickat|datum", "ämne", "till"),
        ("fra", "sendt|dato", "emne", "til"),
        ("lähettäjä", "lähetetty|päiväys|päivämäärä", "aihe", "vastaanottaja"),
        ("feladó", "elküldve|dátum", "tárgy", "címzett"),
        ("de la|din partea", "trimis|data", "subiect", "către"),
        ("από", "στάλθηκε|ημερομηνία", "θέμα", "προς"),
        ("от|от кого", "отправлено|дата", "тема", "кому"),
        ("від|від кого", "надіслано|дата|відправлено", "тема", "кому"),
        (
            "kimden|gönderen",
            "gönderildi|gönderilme|tarih|gönderme tarihi",
            "konu",
            "kime|al\u0131c\u0131",
        ),
        ("差出人|送信者", "送信日時|日時|日付", "件名", "宛先"),
        ("发件人", "发送时间|日期|时间|发送日期", "主题", "收件人"),
        ("寄件者|寄件人", "寄件日期|傳送時間|日期|已傳送", "主旨|主題", "收件者|收件人"),
        ("보낸 사람|보낸사람", "보낸 날짜|날짜|보낸날짜", "제목", "받는 사람|받는사람"),
        ("מאת", "נשלח|תאריך", "נושא", "אל"),
        ("من", "تاريخ الإرسال|التاريخ|أُرسلت", "الموضوع", "إلى"),
    )
)
"""The labels of sender, date, subject and recipients, in each language."""

FIRST_LABELS = frozenset(name for language in _LANGUAGES for names in language for name in names)


def are_coherent(labelled: Mapping[str, str], *, address_needed: bool) -> bool:
    """Whether lines under their labels are a header: of one language, with date and address."""
    if address_needed and not any(map(_ADDRESS.search, labelled.values())):
        return False
    for language in _LANGUAGES:
        dates = (text for label, text in labelled.items() if label in language[1])
        has_all = not any(names.isdisjoint(labelled) for names in language)
        if has_all and any(map(_DATE.search, dates)):
            return True
    return False
