"""Small files of every kind that sheaf reads, made here, whole and broken."""

import hashlib
import io
import zipfile

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E80"
                         "2F0CA9FE6453697A")


def _rc4(key, data):
    s = list(range(256))
    j = 0
    for i in range(256):
        j = (j + s[i] + key[i % len(key)]) & 255
        s[i], s[j] = s[j], s[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) & 255
        j = (j + s[i]) & 255
        s[i], s[j] = s[j], s[i]
        out.append(byte ^ s[(s[i] + s[j]) & 255])
    return bytes(out)


def _encryption(password):
    """Trailer entries of the standard handler, revision 2 (PDF 1.4, 3.5.2),
    with a user password that nobody will guess."""
    user = (password + _PADDING)[:32]
    owner = _rc4(hashlib.md5(user).digest()[:5], user)
    key = hashlib.md5(user + owner + b"\xfc\xff\xff\xff" + b"0" * 16
                      ).digest()[:5]
    return (b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>"
            b" /ID [<%s> <%s>]" % (owner.hex().encode(),
                                   _rc4(key, _PADDING).hex().encode(),
                                   (b"0" * 16).hex().encode(),
                                   (b"0" * 16).hex().encode()))


def pdf(*pages, password=None):
    """A PDF of one line of text a page; None: a picture without text."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
                   len(pages), b" ".join(b"%d 0 R" % (4 + 2 * i)
                                         for i in range(len(pages)))),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    for i, text in enumerate(pages):
        stream = (b"0 0 100 100 re f" if text is None else
                  b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % text.encode("latin-1"))
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
                       b"/Resources << /Font << /F1 3 0 R >> >> "
                       b"/Contents %d 0 R >>" % (5 + 2 * i))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (
            len(stream), stream))
    out, places = bytearray(b"%PDF-1.4\n"), []
    for i, body in enumerate(objects):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i + 1, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    more = _encryption(password) if password else b""
    out += (b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n"
            % (len(objects) + 1, more, start))
    return bytes(out)


def archive(members):
    """A ZIP of {name: bytes or text}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return out.getvalue()


_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx(*paragraphs):
    body = "".join(f"<w:p><w:r><w:t>{p}</w:t></w:r></w:p>" for p in paragraphs)
    return archive({"word/document.xml":
                    f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body>'
                    "</w:document>"})


def epub(*chapters):
    names = [f"c{i}.xhtml" for i in range(len(chapters))]
    items = "".join(f'<item id="{n}" href="{n}" '
                    'media-type="application/xhtml+xml"/>' for n in names)
    spine = "".join(f'<itemref idref="{n}"/>' for n in names)
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile '
                                  'full-path="OEBPS/b.opf"/></rootfiles>'
                                  "</container>",
        "OEBPS/b.opf": "<package><metadata><dc:title>A Book</dc:title>"
                       f"</metadata><manifest>{items}</manifest>"
                       f"<spine>{spine}</spine></package>"}
    for name, text in zip(names, chapters):
        members[f"OEBPS/{name}"] = f"<html><body><p>{text}</p></body></html>"
    return archive(members)


def bomb(kind):
    """Little that unpacks to 300 MiB."""
    big = b" " * (300 << 20)
    if kind == "docx":
        return archive({"word/document.xml": big})
    return archive({"META-INF/container.xml": big})
