#!/usr/bin/env python3
"""Our tokeniser beside Hugging Face `tokenizers`: ids and offsets.

    pip install tokenizers==0.23.3
    tests/reference/tokenizer_reference.py golden  --model DIR
    tests/reference/tokenizer_reference.py compare --model DIR [--data DIR]
                                                   [--fuzz TEXTS] [--seed N]

golden writes tokenizer_cases.jsonl, which the unit tests read; compare puts the
texts of a folder and made-up ones through both and shows what differs.  DIR
holds the model's vocab.txt.  Our side is compiled for the occasion ($CC, gcc).
"""
import argparse
import codecs
import ctypes
import gzip
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SRC = HERE.parent.parent / "src"
GOLDEN = HERE / "tokenizer_cases.jsonl"
SOURCES = ["embed/tokenizer.c", "embed/token_trie.c", "embed/unicode_table.c",
           "base/slice.c", "base/utf8.c", "base/err.c", "base/mem.c",
           "base/num.c", "base/log.c", "base/clock.c"]

# Our rule for bytes that are not UTF-8: each is a U+FFFD.
codecs.register_error(
    "each", lambda e: ("\ufffd" * (e.end - e.start), e.end))


class Slice(ctypes.Structure):
    """struct slice"""
    _fields_ = [("p", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Native:
    """src/embed/tokenizer.c, in this process."""

    def __init__(self, vocab):
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "tokenizer.so"
            subprocess.run(
                [os.environ.get("CC", "gcc"), "-std=gnu17", "-O2", "-shared",
                 "-fPIC", "-D_GNU_SOURCE", f"-I{SRC}", "-o", library,
                 *(SRC / name for name in SOURCES)], check=True)
            self.lib = ctypes.CDLL(str(library))
        self.lib.tokenizer_encode.restype = ctypes.c_size_t
        self.handle = ctypes.c_void_p()
        error = ctypes.create_string_buffer(1024)
        if self.lib.tokenizer_open(ctypes.byref(self.handle),
                                   Slice(vocab, len(vocab)), error):
            raise ValueError(error.raw[4 + 64:].split(b"\0")[0].decode())

    def encode(self, text):
        """[(id, start, end)] of bytes; offsets are in bytes."""
        room = len(text)  # no byte gives more than one token
        tokens = ctypes.create_string_buffer(12 * room + 1)
        n = self.lib.tokenizer_encode(self.handle, Slice(text, len(text)),
                                      tokens, None, ctypes.c_size_t(room),
                                      None)
        return list(struct.iter_unpack("@HxxII", tokens.raw[:12 * n]))


def reference(vocab):
    """The tokeniser of all-MiniLM-L6-v2 (its tokenizer.json says the same, and
    truncates at 128, which sentence-transformers overrides)."""
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    words = vocab.decode().removesuffix("\n").split("\n")
    tokenizer = Tokenizer(WordPiece({word: n for n, word in enumerate(words)},
                                    unk_token="[UNK]",
                                    max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None,
        lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.add_special_tokens([
        AddedToken(name, special=True, normalized=False)
        for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")])
    return tokenizer


def expected(tokenizer, text):
    """What the reference makes of bytes, with offsets in bytes."""
    characters = text.decode(errors="each")
    places, at = [], 0
    for c in characters:
        places.append(at)
        whole = c.encode()
        at += len(whole) if text[at:at + len(whole)] == whole else 1
    places.append(at)
    found = tokenizer.encode(characters, add_special_tokens=False)
    return [(token, places[start], places[end])
            for token, (start, end) in zip(found.ids, found.offsets)]


# ---- texts -------------------------------------------------------------------

def hard_cases():
    """(what it is about, text) of the golden file."""
    both = []

    def add(what, *texts):
        both.extend((what, t.encode() if isinstance(t, str) else t)
                    for t in texts)

    add("nothing", "", " ", "\t\n\r  ", "\0", "\0\0\0", "\u3000\u2003\u00a0")
    add("one code point", "a", "Z", "7", "!", "é", "中", "한", "\U0001f600",
        "\u0301", "\ufeff", "\u200d", "ß", "\U0010ffff", "\u2028", "\ufffd")
    add("plain", "The quick brown fox jumps over the lazy dog.",
        "We propose a transformer-based, self-supervised method (SSL).",
        "embedding embeddings unembeddable", "don't can't o'clock rock'n'roll",
        "e.g. i.e. U.S.A. 3.14 1,000,000 $5.00 100% #1 @home a_b x^2 `code`")
    add("white space", "a\tb\nc\rd", "a \u00a0\u2009\u3000 b", "a\u2028b\u2029c",
        "a\u1680b", "  lead and trail  ")
    add("control characters are removed", "a\x00b", "a\x01b\x1f c\x7fd",
        "a\x0bb\x0cc", "a\u0085b", "\x1b[31mred\x1b[0m", "\x00hello\x00",
        "so\u00adft hy\u00adphen", "\ufeffBOM first", "zero\u200bwidth",
        "a\u200eb\u202ec", "tag\U000e0041s", "private \ue000 use\U000f0000d")
    add("not UTF-8", b"ab\xffcd", b"\xed\xa0\x80", b"x\xed\xa0\xbd\xed\xb8\x80y",
        b"\xc0\xafover\xe0\x80\xaflong", b"cut \xe4\xb8", b"\xf4\x90\x80\x80z",
        b"\x80\x81\xfe\xff", b"e\xcc", b"caf\xe9 latin-1", b"\xffhello\xff \xff")
    add("punctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "a-b--c---d",
        "“quoted” ‘single’ – en — em … ‽", "«guillemets» ¿qué? ¡sí!",
        "、。「日本」・〜", "a·b•c†d", "؟ ، ؛ ٪", "a\u037eb", "≠ ≮ ≯ a≠b",
        "x\u1fefy", "§5 ¶2 ©®™ °C ±1 ×÷ ¤€£¥", "a⁄b ⅓ ½ ² ³ ₂ ①",
        "\u3030 \u2e2e \u16eb \U00010100 \U0001f900")
    add("accents", "café", "cafe\u0301", "CAFÉ naïve façade Ångström",
        "e\u0301x", "\u0301x", "x \u0301 y", "a\u0300\u0316\u0301b",
        "Tiếng Việt có dấu", "ñandú Čeština žluťoučký kůň Łódź",
        "ǆ ǅ Ǆ ŉ ĳ ﬁ ﬂ", "Ａｂｃ１２", "𝐛𝐨𝐥𝐝 𝒮𝒸𝓇𝒾𝓅𝓉", "Z" + "\u0335\u0321" * 30 + "algo")
    add("lower case", "HELLO World", "İstanbul ISPARTA ılık", "ΟΔΥΣΣΕΥΣ Σ ς σ",
        "STRASSE straße ẞ", "МОСКВА Ёлка Їжак", "ԱՐԵՒ", "ႠႡႢ Ꭰꭰ Ა",
        "K Å Ω", "ⅣⒶ", "𐐀𐐨 𞤀𞤢")
    add("Han", "中文", "深度学习模型", "中a文", "a中b", "中\u0301文", "1中2",
        "东京 tokyo 東京都", "\u3400\u4dbf\u9fff", "\uf900\ufa0e\ufa11",
        "\U00020000\U0002a6df", "\U0002b740\U0002b81f\U0002b820",
        "\U0002b91f\U0002b920\U0002ceaf\U0002ceb0", "\U0002f800", "〇〡々",
        "⺀⼀")
    add("Kana and Hangul", "ひらがな カタカナ", "ガ か\u3099", "한국어 모델", "각각 갂",
        "\u1112\u1161\u11ab", "ｶﾀｶﾅ", "가\u0301나", "힣", "\ud7b0ᄀ", "ㄱㄴㄷ",
        "\u302e가\u302f나")
    add("right to left", "שלום עולם", "שָׁלוֹם", "العربية", "مُحَمَّد", "فارسی گچپژ",
        "\u200fabc\u200e", "ﷺ ﻻ", "اَلْعَرَبِيَّةُ 123", "ܫܠܡܐ", "ދިވެހި")
    add("Indic and other scripts", "हिन्दी में", "क़ख़ग़", "বাংলা", "தமிழ்", "తెలుగు",
        "ಕನ್ನಡ", "മലയാളം", "සිංහල", "ไทยภาษา", "ພາສາລາວ", "བོད་ཡིག", "မြန်မာ",
        "ខ្មែរ", "አማርኛ", "ᠮᠣᠩᠭᠣᠯ", "ქართული", "հայերեն", "ᐃᓄᒃᑎᑐᑦ", "\u0f73\u0f81")
    add("emoji", "😀", "a😀b", "👩‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "👍🏽", "❤️", "1️⃣",
        "🏴\U000e0067\U000e0062\U000e007f", "☃☀★", "🦀🥺🫠", "text😂text")
    add("marks that are not removed", "a\u0300\u1b44 x", " \u0301\u1b44x",
        "\u302f\u302e\u1b44", "ka\u1baa\u0323\u1bab", "\U0001d15e\u0334",
        "a\U0001d160\u0334\U0001d165", "a\u0300\u00ad\u1b44b",
        "x\U0001d165\U0001d16d\u0334\u302ey", "\u1b44\u0334\u1b44\u0334",
        "中\u0300\u1b44", "é\u1b44", "e\u0301\u1b44\u0345\ufffd\u08d4z",
        "\U0001d1c0\u0345\u08d9\u0334", "a\u0344\u1b44", "\u0f73\u1b44\u0f81")
    add("long words", "a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101,
        "e\u0301" * 100, "e\u0301" * 101, "Я" * 100, "Я" * 101, "한" * 33,
        "한" * 34, "\U00010428" * 100, "x" * 100 + "\u0301", "x" * 50 + "\x01"
        + "x" * 50, "x" * 50 + "\x01" + "x" * 51, "b" * 300 + " end",
        "internationalization" * 5, "internationalization" * 5 + "s",
        "ab" * 49 + "☃", "a" * 98 + "☃", "1" * 100, "_" * 101)
    add("special tokens", "[CLS] a[SEP]b", "[cls] [Sep]", "[MASK]ing [PAD]",
        "[UNK]", "[[SEP]]", "[ SEP ]", "[SEP", "SEP]", "un[MASK]able",
        "é[SEP]é", "[SE\u0301P]", "[S\x00EP]", "[unused1] [unused99]", "##ing",
        "# #ing", "中[CLS]文", "[SEP]\u0301\u1b44", "[\ufeffCLS]")
    add("unknown", "☃snow", "snow☃", "qwertyuiopé☃", "ᚠᚢᚦ", "𒀀𒁀", "𓀀",
        "a☃ b", "\ue000", "⠃⠗⠁⠊⠇", "x♞y.z")
    add("technical", "x_{i+1} = \\frac{a}{b} + \\alpha^2", "https://arxiv.org/abs/1706.03762v7",
        "<p class=\"x\">Tom &amp; Jerry</p>", "{\"key\": [1, 2.5e-3, null]}",
        "for(i=0;i<n;i++){a[i]+=b[i]*c;}", "H₂O CO₂ x² µm Ω", "naïve Bayes’ rule",
        "10.1145/3292500.3330701", "jane.doe@example.org", "COVID-19 SARS-CoV-2",
        "C++ C# F# .NET", "ﬁnal eﬀect oﬃce", "1e-5 0x7fff 3½", "a\u2019s b\u00b4c")
    return both


POOLS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJ", "0123456789", "     \t\n",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "\x00\x01\x0b\x0c\x1f\x7f",
    "éèüöäñçåßøÉÜÖİıŁ", "\u0300\u0301\u0316\u0334\u0345\u0323\u05b0\u064b",
    "\u1b44\u1baa\u302e\u302f\u08d4\u08d9\U0001d165\U0001d16d\U0001d15e"
    "\U0001d160\U0001d1c0\U0001e000\u0f73\u0344", "\u00ad\u200b\u200d\ufeff\ufffd",
    "的一是不了人我在有他这", "가각한글국어힣", "ひらがなカタカナ", "абвгдЯЖЁ",
    "αβγδΣςΩ", "שלוםعربيةفارسی", "हिन्दीतमிழ்ไทย", "😀👍🏽🇩🇪❤️☃",
    "“”‘’—…、。؟", "\u2003\u3000\u2028\u0085\u00a0"]
WORDS = ["the", "embedding", "unaffable", "transformers", "[SEP]", "[CLS]",
         "[MASK]", "[PAD]", "[UNK]", "##ing", "naïve", "TokenIzation",
         "electroencephalographically", "中文", "한국어", "москва", "a" * 100]


def made_up(seed, n):
    """Random texts: mixtures of scripts, any code points, any bytes."""
    rng = random.Random(seed)
    for _ in range(n):
        kind = rng.random()
        size = rng.choice([1, 2, 3, 5, 10, 30, 120, 400])
        if kind < 0.60:
            pools = rng.sample(POOLS, rng.randint(1, 4))
            text = "".join(rng.choice(WORDS) if rng.random() < 0.05
                           else rng.choice(rng.choice(pools))
                           for _ in range(size)).encode()
        elif kind < 0.70:  # marks in a row
            text = "".join(rng.choice(rng.choice(POOLS[7:10]))
                           if rng.random() < 0.9 else rng.choice("aé 中")
                           for _ in range(size)).encode()
        elif kind < 0.85:
            text = "".join(
                rng.choice(["", "", "a", " "])
                + chr(rng.choice([rng.randrange(0xD800), rng.randrange(0x3000),
                                  rng.randrange(0xE000, 0x110000),
                                  rng.randrange(0x10000, 0x20000)]))
                for _ in range(size)).encode()
        elif kind < 0.92:
            text = rng.randbytes(size)
        else:  # something sound, with bytes changed
            text = bytearray(rng.choice(hard_cases())[1])
            for _ in range(min(3, len(text))):
                text[rng.randrange(len(text))] = rng.randrange(256)
            text = bytes(text)
        yield text


def every_code_point():
    """Each alone, between letters, and after a letter with marks."""
    for cp in range(0x110000):
        if not 0xD800 <= cp < 0xE000:
            yield f"{chr(cp)} a{chr(cp)}b e\u0300{chr(cp)}\u1b44".encode()


def strings(value):
    """All strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in (value.values() if isinstance(value, dict) else value):
            yield from strings(part)


def folder_texts(folder):
    """Every string of every JSON file, and every other text file whole."""
    for path in sorted(Path(folder).rglob("*")):
        if not path.is_file() or path.suffix == ".pdf":
            continue
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        if ".jsonl" in path.suffixes:
            for line in data.splitlines():
                for text in strings(json.loads(line)):
                    yield text.encode(errors="surrogatepass")
        else:
            yield data


# ---- commands ----------------------------------------------------------------

def compare(native, tokenizer, texts, show=10):
    """(texts, bytes, tokens, texts that differ); shows the first of those."""
    n = n_bytes = n_tokens = n_bad = 0
    for text in texts:
        ours, theirs = native.encode(text), expected(tokenizer, text)
        n, n_bytes, n_tokens = n + 1, n_bytes + len(text), n_tokens + len(ours)
        if ours == theirs:
            continue
        n_bad += 1
        if n_bad <= show:
            at = next((i for i, pair in enumerate(zip(ours, theirs))
                       if pair[0] != pair[1]), min(len(ours), len(theirs)))
            print(f"DIFFERS {text[:200]!r}\n  token {at}: "
                  f"ours {ours[at:at + 4]}, reference {theirs[at:at + 4]}")
    return n, n_bytes, n_tokens, n_bad


def golden(tokenizer):
    """The text of the golden file: a case a line."""
    return "".join(
        json.dumps({"what": what, "hex": text.hex(),
                    "tokens": expected(tokenizer, text)}) + "\n"
        for what, text in hard_cases())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["golden", "compare"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--fuzz", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    vocab = (args.model / "vocab.txt").read_bytes()
    tokenizer = reference(vocab)
    if args.command == "golden":
        GOLDEN.write_text(golden(tokenizer), encoding="ascii")
        return 0
    sets = {"hard cases": (text for _, text in hard_cases()),
            "every code point": every_code_point(),
            f"made up (seed {args.seed})": made_up(args.seed, args.fuzz)}
    if args.data:
        sets[str(args.data)] = folder_texts(args.data)
    native = Native(vocab)
    bad = 0
    for name, texts in sets.items():
        n, n_bytes, n_tokens, n_bad = compare(native, tokenizer, texts)
        print(f"{name}: {n:,} texts, {n_bytes:,} bytes, {n_tokens:,} tokens, "
              f"{n_bad:,} differ", flush=True)
        bad += n_bad
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
