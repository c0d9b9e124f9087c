"""Subjects that only programs write: autoresponders, receipts and bounces, in many languages."""

import re

# Autoresponders and receipts whose headers say nothing, as mailers name them in many
# languages. A colon follows, or nothing: "Out of office hours?" is a person's.
AUTOMATIC_SUBJECT = re.compile(
    r"""
    (?: \[? (?:auto(?:matic)?[ -]?(?:reply|response)
        | out\ of\ (?:the\ )?office (?:\ (?:auto[ -]?)?(?:reply|message|notification))?
        | abwesenheits(?:notiz|nachricht|meldung) | automatische\ (?:antwort|abwesenheitsnotiz)
        | automatisch\ antwoord | r[ée]ponse\ automatique | respuesta\ autom[áa]tica
        | resposta\ autom[áa]tica | risposta\ automatica | odpowied[źz]\ automatyczna
        | automatick[áa]\ odpov[ěe][ďd] | automatikus\ v[áa]lasz | autosvar
        | automatiskt?\ svar | automaattinen\ vastaus | otomatik\ yan[i\u0131]t
        | автоответ | автоматический\ ответ | 自動(?:応答|返信) | 自动(?:答复|回复)
        | 自動回覆 | 자동\ ?회신 | رد\ تلقائي
        | vacation\ (?:auto)?(?:reply|response|message) | abwesend | abwesenheit
        | nicht\ im\ b[üu]ro
        | automatische\ beantwoording | afwezig(?:heidsbericht)?
        | absen(?:ce|te?|t\(e\))\ du\ bureau
        | (?:fuera|ausente)\ de\ la\ oficina | aus[êe]ncia\ tempor[áa]ria | resposta\ autom[àa]tica
        | fuori\ (?:sede|ufficio) | fr[åa]nvarande | ikke\ til\ stede | poissa
        | automatyczna\ odpowied[źz] | h[áa]zon\ k[íi]v[üu]l | r[ăa]spuns\ automat
        | αυτόματη\ απάντηση | automatski\ odgovor | samodejni\ odgovor
        | автоматичен\ отговор | автоматична\ відповідь | automaatvastus
        | autom[āa]tisk[āa]\ atbilde | automatinis\ atsakymas | tr[ảa]\ l[ờo]i\ t[ựu]\ đ[ộo]ng
        | (?:การ)?ตอบกลับอัตโนมัติ | balasan\ otomatis | (?:מענה|תשובה)\ אוטומטית?
        | 不在(?:通知)? | 부재중
        | return\ receipt | undeliverable | returned\ mail | delivery\ failure
        | unzustellbar | non\ remis | no\ se\ puede\ entregar | onbestelbaar
        | non\ recapitabile | niedostarczalne | olevererbart | kan\ ikke\ leveres
        | n[ãa]o\ (?:é|foi)\ poss[íi]vel\ entregar | недоставленное\ сообщение
        | недоставлено | 配信不能 | 未送达 | 无法投递 | 無法傳遞)
        \s* (?: [:\uff1a\]] .* | $ )
    | (?:out\ of\ (?:the\ )?office|auto[ -]?reply)\ re: .*
    | (?:auto:\ )? .{1,100}\ is\ out\ of\ the\ office (?:\ \(returning\ .*)? \.? $
    | undelivered\ mail\ returned\ to\ sender | failure\ notice $
    | mail\ delivery\ (?:failed:|failure|subsystem|system) .*
    | delivery\ status\ notification .*
    | your\ e?-?mail\ requires\ verification .*
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)

REPORT_SUBJECT = re.compile(
    r"return receipt|undeliver|returned mail|failure notice|(?:mail )?delivery "
    r"|unzustellbar|non remis|no se puede entregar|onbestelbaar|non recapitabile|niedostarczalne"
    r"|olevererbart|kan ikke leveres|n[ãa]o (?:é|foi) poss"
    r"|недоставлен|配信不能|未送达|无法投递|無法傳遞",
    re.IGNORECASE,
)
"""The reports among them."""
