"""compile_by.py LIBRARY CACHE   compiles an op by the library's C API, and says where the bundle came from"""
import ctypes
import sys


class Options(ctypes.Structure):
    _fields_ = [("target", ctypes.c_char_p), ("schedule", ctypes.c_char_p), ("cache", ctypes.c_char_p)]


TEXT = b"""
func.func @f(%q: tensor<?x16x32xf8E4M3FN>, %k: tensor<?x32xf8E4M3FN>, %out: tensor<?x?xf32>, %e: tensor<?xi32>) -> tensor<?x?xf32> {
  %0 = mqa.logits ins(%q, %k, none, none, none, %e : tensor<?x16x32xf8E4M3FN>, tensor<?x32xf8E4M3FN>, tensor<?xi32>) outs(%out : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
"""

library = ctypes.CDLL(sys.argv[1])
library.mqa_compile_text.restype = ctypes.c_void_p
library.mqa_compilation_diagnostics.restype = ctypes.c_char_p
options = Options(b"cpu", None, sys.argv[2].encode())
result = ctypes.c_void_p(library.mqa_compile_text(TEXT, ctypes.c_size_t(len(TEXT)), ctypes.byref(options)))
assert library.mqa_compilation_succeeded(result), library.mqa_compilation_diagnostics(result)
print("from the cache" if library.mqa_compilation_was_cached(result) else "compiled")
