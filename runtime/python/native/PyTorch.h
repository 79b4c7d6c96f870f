//===- PyTorch.h - What PyTorch says of a call ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MQA_RUNTIME_PYTHON_NATIVE_PYTORCH_H
#define MQA_RUNTIME_PYTHON_NATIVE_PYTORCH_H

#define Py_LIMITED_API 0x030A0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <array>
#include <cstdint>

namespace mqa::python {

/// What a check of Python objects says; Failed: with an exception set.
enum class Answer { Failed = -1, No, Yes };

/// Functions of PyTorch's libraries, of which its Python functions are made.
/// A call from Python takes 35 to 90 ns, one of these 2 to 10, and a launch
/// has a dozen. Null: not there.
struct Exports {
  bool (*isGradEnabled)() = nullptr;
  int64_t (*countModes)() = nullptr;
  /// A reference to a shared pointer, which begins with the pointer.
  const void *const *(*getTracingState)() = nullptr;
  /// Of a c10::TensorImpl.
  bool (*requiresGrad)(const void *impl) = nullptr;
  /// Of an at::Tensor, which is a pointer to a c10::TensorImpl.
  bool (*isNegated)(const void *const *tensor) = nullptr;
};

/// Asks PyTorch about a thread and about tensors: by `Exports` where they are
/// there and say the same as Python of the tensors that `create` gets, else in
/// Python.
class PyTorch {
public:
  /// False with an exception set. Takes no reference that `destroy` does not
  /// give back, also then. `address` is one in PyTorch's libraries.
  bool create(PyObject *tensorType, PyObject *questions, PyObject *examples,
              const void *address);
  void destroy();

  bool isTensor(PyObject *object) const {
    return Py_TYPE(object) == tensorType;
  }
  bool usesExports() const { return offset != 0; }

  /// Whether a mode or jit.trace is active, or derivatives are taken forward.
  Answer isWatched() const;
  Answer isGradEnabled() const;
  /// Of what isTensor.
  Answer requiresGrad(PyObject *tensor) const;
  /// Whether it stands for the negative of its memory.
  Answer isNegated(PyObject *tensor) const;

private:
  const void *const *getTensor(PyObject *object) const {
    return reinterpret_cast<const void *const *>(
        reinterpret_cast<const char *>(object) + offset);
  }
  void findExports(PyObject *examples, const void *address);
  std::array<Answer, 4> askAll(PyObject *example) const;

  /// Subclasses of it may mean something else by their memory.
  PyTypeObject *tensorType;
  PyObject *countModes, *isTracing, *gradMode, *forwardAD;
  PyObject *isNeg;
  /// Names of attributes.
  PyObject *requiresGradName, *currentLevel;
  Exports exports;
  /// Where in a tensor's object its at::Tensor is; 0: the exports are not used.
  Py_ssize_t offset;
};

} // namespace mqa::python

#endif // MQA_RUNTIME_PYTHON_NATIVE_PYTORCH_H
