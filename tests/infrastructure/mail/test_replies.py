"""Replies of rarer mail programs, and texts that must not be cut; see ``end_to_end`` for more."""

import pytest

from infrastructure.mail.replies import new_text

CUT = {
    "the header is quoted too": (
        "Hej!\n\nMvh,\nBo",
        "> 4 dec. 2026 kl. 18:36 skrev Ana <ana@customer.example>:\n> \n> Hej Bo,\n",
    ),
    "a header between dashes": (
        "Is it better now?",
        "---- On Wed, 24 Feb 2026 14:02:50 +0530 <ana@customer.example> wrote ----\n\nNo",
    ),
    "a history that is not quoted": (
        "No problem. I start anew.",
        "On May 30, 2026, at 4:24 PM, Ana <ana@customer.example> wrote:\n\n\nHi Bo,\n\nsorry.",
    ),
    "a Dutch history that is not quoted": (
        "Dank u, tot dan.",
        "Op 13-02-2026 3:18 schreef Ana <ana@customer.example>:\n    \nBeste",
    ),
    "an address on a line of its own": (
        "Thanks, Ana",
        "2026-10-17 11:28 GMT+03:00 Help <\nhelp@acme.example>:\n\n> First",
    ),
    "three lines of header": (
        "A text that is long.",
        "On Nov 30, 2026, at 12:47 PM, Somebody <\nlong-address@acme.example>\nwrote:\n\nHi",
    ),
    "a French header of a web mailer": (
        "bonjour,\nmerci",
        "      De : Ana <ana@customer.example>\n À : Bo <bo@acme.example>\n"
        " Envoyé le : Mercredi 30 novembre 2026 10h30\n Objet : Re: V\n\nbonjour",
    ),
    "a dash before the header": (
        "Texte\n\nMichel",
        "- Le 2026-04-09 23:25, Ana Lopez a écrit :\n> [1]\n>\n>  BON",
    ),
    "a line above the header": (
        "Friday looks fine to me.",
        "------- Original Message -------\n"
        "On Monday, July 24th, 2026 at 3:59 PM, Ana <ana@customer.example> wrote:\n\n> Hey\n",
    ),
    "a line above the header of a history that is not quoted": (
        "Friday looks fine to me.",
        "________________________________\n\n"
        "On Monday, July 24th, 2026 at 3:59 PM, Ana <ana@customer.example> wrote:\n\nHey\n",
    ),
    "an indented header": (
        "Friday looks fine.\nAna",
        "    On Tuesday, 22 February 2026, 10:00:00 CET, Bo <bo@acme.example> wrote:  \n \n  Hey",
    ),
    "labels in another order": (
        "I am still looking for it.",
        "Date: Mon, 25 Nov 2026 16:33:36 -0800\nSubject: Re:\nTo: bo@acme.example\n"
        "From: ana@customer.example\n\nYes",
    ),
    "an address in the recipients alone": (
        "Great thanks, going for a test now.",
        "From: Bo\nSent: April 9, 2026 2:02 PM\nTo: ana@customer.example\nSubject: x\n\nHi",
    ),
}


@pytest.mark.parametrize("name", CUT)
def test_reply_is_cut_at_its_header(name: str) -> None:
    new, history = CUT[name]
    assert new_text(f"{new}\n\n{history}") == new


def test_header_that_is_indented_needs_no_empty_line_above() -> None:
    new, history = CUT["an indented header"]
    assert new_text(f"{new}\n{history}") == new


WHOLE = {
    "the new text points to answers below": (
        "See my answers below.\n\n"
        "On May 30, 2026, at 4:24 PM, Ana <ana@customer.example> wrote:\n\nWhich?\n\nblue"
    ),
    "the new text points to answers below Outlook's header": (
        "Siehe unten.\n\nVon: Ana <ana@customer.example>\nGesendet: 2. März 2026 10:00\nAn: Bo\n"
        "Betreff: Lampe\n\nWelche?\nblau"
    ),
    "a sentence about somebody else": (
        "Dear help,\n\nwe met on 2 March 2026 at 10:00. Ana <ana@customer.example> wrote:\n\n"
        "The lamp is broken\n\nplease mend it"
    ),
    "a sentence in the middle of a paragraph": (
        "I have a question.\nOn 2 March 2026 at 10:00 Ana <ana@customer.example> wrote:\n\n"
        "The lamp is broken\n\nplease mend it"
    ),
    "an answer above the quoted question": (
        "Good morning to you.\n\nOn 2 March 2026 at 10:00 Ana <ana@customer.example> wrote:\n\n"
        "4711\n\n> Which order?"
    ),
    "a quotation alone": "> 30 days to return\n> it says",
    "a quotation without a header": "This is what it says:\n> 30 days to return",
}


@pytest.mark.parametrize("name", WHOLE)
def test_text_whose_answers_may_stand_below_is_left_whole(name: str) -> None:
    assert new_text(WHOLE[name]) == WHOLE[name]
