"""Ways to cut a text into words."""

import re
import unicodedata

# \w without digits and underscore. What is left are the letters of any script.
WORD = re.compile(r"[^\W\d_]+")


def tokenize_words(text: str) -> list[str]:
    """Cut a text into words: lower-cased runs of letters.

    Digits, punctuation and white space separate words and are dropped, so "don't" gives ``don``
    and ``t``. Letters written as two characters (e and an accent) are joined first, so that both
    spellings give the same word. Scripts that write vowels as separate marks (Hindi, Thai) come
    apart at these marks; the course uses this function for English only.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        The words in the order of the text; empty for a text without letters.

    Raises
    ------
    TypeError
        If `text` is not a str.

    Examples
    --------
    >>> tokenize_words("The cat's 2 ÉTUDES")
    ['the', 'cat', 's', 'études']
    """
    if not isinstance(text, str):
        raise TypeError(
            f"tokenize_words needs one text as str, not {type(text).__name__}; call it once per text."
        )
    return WORD.findall(unicodedata.normalize("NFC", text.lower()))
