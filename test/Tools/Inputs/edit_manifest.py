"""edit_manifest.py BUNDLE OUT CODE   runs CODE on `manifest`, that of the first part of a bundle, and mends the checksum"""
import json
import struct
import sys
import zlib

bundle, out, code = sys.argv[1:]
data = open(bundle, "rb").read()
(size,) = struct.unpack_from("<Q", data, 8)
manifest = json.loads(data[24 : 24 + size])
exec(code)
text = json.dumps(manifest).encode()
header = struct.pack("<QII", len(text), zlib.crc32(text), 0)
with open(out, "wb") as file:
    file.write(data[:8] + header + text + data[24 + size :])
