"""What becomes of each hostile file: refused for which fault, taken with which note, or judged otherwise.

Every file that is not named here is taken: `../shared/data/hostile/INDEX.tsv` says of it how.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

#: Files that are refused, and what the sentence must say beside the file's name.
REFUSED = {
    "chat/binary.jsonl": "bytes that are neither text nor a picture or archive",
    "chat/lite_types.json": "holds no chat",
    "jinja/*.jinja": "a chat template by itself",
    "jinja/escape_0[0-2].jinja.yaml": "tries what no template may: access to attribute '__",
    "jinja/loop_0[15].jinja.yaml": "writes too much text",
    "jinja/loop_0[2-46-79].jinja.yaml": "wants too much memory",
    "jinja/syntax.jinja.yaml": "cannot be read: line 1",
    "json/deep_*.json": "nested deeper than 200 levels",
    "json/empty.json": "is empty",
    "json/whitespace.json": "is empty",
    "json/empty_object.json": "holds no fields",
    "json/null.json": "holds no fields",
    "json/scalar.json": "holds no fields",
    "json/utf7.json": "not valid JSON: Expecting value, line 1",
    "png/chunk_len_7fffffff_then_card.png": "breaks off before any character card",
    "png/signature_only.png": "breaks off before any character card",
    "png/deflate_preset_dict.png": "is damaged or unpacks to too much",
    "png/[iz]txt_bomb_*.png": "is damaged or unpacks to too much",
    "png/text_no_nul.png": "is damaged or unpacks to too much",
    "preset/grammar_bomb.gbnf": "a text that is neither JSON nor YAML",
    "webp/riff_size_lie.webp": "breaks off before any character card",
    "webp/count_huge.webp": "has none of a card's fields",
    "webp/*.webp": "a picture without a character card",
    "yaml/billion_laughs*.yaml": "aliases and anchors (& and *) are not taken",
    "yaml/merge_bomb.yaml": "aliases and anchors (& and *) are not taken",
    "yaml/recursive_alias.yaml": "line 2: aliases and anchors (& and *) are not taken",
    "yaml/complex_keys.yaml": "line 2: a key must be a word",
    "yaml/deep*.yaml": "values are nested too deeply here",
    "yaml/escape.yaml": "line 1: this is not valid YAML (",
    "yaml/nul.yaml": "line 1: this is not valid YAML (",
    "yaml/tabs.yaml": "line 2: this is not valid YAML (",
    "yaml/jinja_template.yaml": "tries what no template may: access to attribute '__class__'",
    "yaml/long_key.yaml": "nothing that Traktir can read; its fields are: kkk",
    "yaml/multi_doc.yaml": "line 2: a second document begins here",
    "yaml/python_*.yaml": "line 1: tags (!) are not taken",
    "yaml/tag_custom.yaml": "line 3: tags (!) are not taken",
    "zip/bad_crc.charx": "card.json in bad_crc.charx is damaged: Bad CRC",
    "zip/bomb_card_256M.charx": "unpacks to more than 16777216 bytes",
    "zip/bomb_lying_size.charx": "is damaged: ",
    "zip/byaf_*.byaf": "an archive of Backyard AI",
    "zip/comment_eocd.charx": "an archive without card.json",
    "zip/count_65535.charx": "holds no readable archive",
    "zip/empty.charx": "an archive without card.json",
    "zip/encrypted.charx": "is encrypted",
    "zip/gzip_named.charx": "named like an archive, but is none",
    "zip/method_99.charx": "packed in a way that is not known here",
    "zip/name_differs.charx": "is damaged: File name in directory",
    "zip/name_nul.charx": "an archive without card.json",
    "zip/zip64_sizes.charx": "is damaged: ",
}

#: Files that are taken, and what is told with them.
NOTED = {
    "json/dup_keys.json": "keys occur twice",
    "json/greetings_many.json": "only the first 1000 are used",
    "json/invalid_utf8.json": "not UTF-8",
    "json/nan_inf.json": "NaN, Infinity",
    "json/raw_nul.json": "Control characters",
    "json/types.json": "name was not a text",
    "lore/agnai_types.json": "Entry 2 is not an entry",
    "lore/regex_scripts.json": "carries scripts for other programs (regex_scripts, TavernHelper_scripts",
    "png/chunk_len_ffffffff.png": "The picture is cut off",
    "png/many_chara_chunks.png": "500 cards under one keyword",
    "png/polyglot_png_zip.png": "an archive as well",
    "preset/evil.kcpps": "is not on this machine",
    "preset/sampler_extreme.json": "temp (1e308) became 5.0",
    "text/invisible.json": "characters that nobody can see",
    "text/names.json": "holds 43 cards",
    "yaml/preset_types.yaml": "temperature (.nan) was left out",
    "zip/dup_card.charx": "several cards",
    "chat/st_types.jsonl": "is no message was left out",
}

#: Where this program does otherwise than the index wishes, and why.
OTHERWISE = {
    "jinja/*.jinja": "a template is no file that a person imports; inside a preset (*.jinja.yaml here) it is rendered",
    "chat/lite_types.json": "its story is a number and its actions are no list: there is no message to take",
    "preset/grammar_bomb.gbnf": "grammars are no files that are imported; a preset's goes to the server as it is",
    "yaml/escape.yaml": "libyaml refuses the escaped surrogate, with the line; a card so written is no program's work",
    "yaml/long_key.yaml": "a name alone is no card: any YAML file has one",
    "yaml/multi_doc.yaml": "what stands in a second document would be lost in silence; the line is told instead",
    "zip/byaf_*.byaf": "BYAF archives are not read at all; their PNG cards are",
}

#: Cards whose texts alone are larger than the window: the turn is refused, with the figures.
TOO_LONG = {
    "macro/braces.json", "macro/if.json", "macro/nested_random.json", "macro/nested_unclosed.json",
    "macro/unknown.json", "png/b64_huge.png",
}


#: On a very busy machine the clock may stop a template before it reaches what it is refused for. Then it is kept, and
#: is refused when it is rendered.
MAY_RUN_OUT_OF_TIME = ("jinja/*.jinja.yaml", "yaml/jinja_template.yaml")


def fault_of(file: str) -> str | None:
    """What a file is refused for; None where it is to be taken."""
    return next((fault for name, fault in REFUSED.items() if fnmatchcase(file, name)), None)
