"""What a tagging model is asked, and what counts as an answer.

The wording is ours; the form (fine-grained open tags of a text's intents and subjects, each with a short reason, as
JSON) follows InsTag (Lu et al., arXiv 2308.07074).
"""

from __future__ import annotations

import json
from typing import Any

from suite.features.tag_spool import Tagged
from suite.pool.pool import View

TEXT = "{text}"
PROMPT = """Below is {what}. Say in tags what it is about and what kind of task it belongs to, so that texts of one \
kind can be found by a tag they share. A tag is one to three plain English words in lower case, such as "unit \
conversion" or "travel advice": neither as broad as "question" nor so narrow that it fits this text alone.

Reply with a JSON list and nothing else: two to six objects, the most telling tag first, each of the form
{{"tag": "the tag", "explanation": "why it fits, in a few words"}}

Text:
<<<
{text}
>>>

JSON list:"""
WHAT: dict[View, str] = {
    "instruction": "an instruction that somebody gave to an assistant",
    "response": "what an assistant answered to an instruction",
    "both": "an instruction to an assistant, followed by its answer",
}


def prompt_parts(view: View) -> tuple[str, str]:
    """The prompt before and after the text."""
    before, _, after = PROMPT.format(what=WHAT[view], text=TEXT).partition(TEXT)
    return before, after


def parse_answer(answer: str) -> Tagged:
    """The tags of an answer that is a JSON list of strings, or of objects with "tag" and at most "explanation".

    Anything else, an empty list or an empty tag included, is a failure; nothing is mended or guessed.
    """
    try:
        entries = json.loads(answer)
    except (ValueError, RecursionError):
        return Tagged(failure=answer)
    if not isinstance(entries, list) or not entries:
        return Tagged(failure=answer)
    tags = tuple(_tag(entry) for entry in entries)
    if not all(isinstance(tag, str) and tag.strip() for tag in tags):
        return Tagged(failure=answer)
    return Tagged(tags)


def _tag(entry: Any) -> Any:
    if isinstance(entry, dict) and "tag" in entry and entry.keys() <= {"tag", "explanation"}:
        return entry["tag"]
    return entry
