//===- PyTorch.cpp - What PyTorch says of a call --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PyTorch.h"

#include <dlfcn.h>

#include <initializer_list>

using namespace mqa::python;

/// Takes the reference.
static Answer isTrue(PyObject *object) {
  if (!object)
    return Answer::Failed;
  int result = PyObject_IsTrue(object);
  Py_DECREF(object);
  return static_cast<Answer>(result);
}

static Answer toAnswer(bool value) { return value ? Answer::Yes : Answer::No; }

bool PyTorch::create(PyObject *type, PyObject *questions, PyObject *examples,
                     const void *address) {
  tensorType = reinterpret_cast<PyTypeObject *>(Py_NewRef(type));
  isNeg = PyObject_GetAttrString(type, "is_neg");
  requiresGradName = PyUnicode_InternFromString("requires_grad");
  currentLevel = PyUnicode_InternFromString("_current_level");
  if (!isNeg || !requiresGradName || !currentLevel ||
      !PyArg_ParseTuple(questions, "OOOO", &countModes, &isTracing, &gradMode,
                        &forwardAD))
    return false;
  for (PyObject *object : {countModes, isTracing, gradMode, forwardAD})
    Py_INCREF(object);
  findExports(examples, address);
  return true;
}

void PyTorch::destroy() {
  Py_XDECREF(reinterpret_cast<PyObject *>(tensorType));
  for (PyObject *object : {countModes, isTracing, gradMode, forwardAD, isNeg,
                           requiresGradName, currentLevel})
    Py_XDECREF(object);
}

template <typename Function>
static bool find(void *library, const char *name, Function &function) {
  return (function = reinterpret_cast<Function>(dlsym(library, name)));
}

/// Those of the library at the address, and of those that it needs.
static bool find(const void *address, Exports &exports) {
  Dl_info info;
  if (!dladdr(address, &info))
    return false;
  void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (!library)
    return false;
  bool found =
      find(library, "aoti_torch_grad_mode_is_enabled", exports.isGradEnabled) &&
      // c10::impl::TorchDispatchModeTLS::stack_len()
      find(library, "_ZN3c104impl20TorchDispatchModeTLS9stack_lenEv",
           exports.countModes) &&
      // torch::jit::tracer::getTracingState()
      find(library, "_ZN5torch3jit6tracer15getTracingStateEv",
           exports.getTracingState) &&
      // c10::TensorImpl::requires_grad() const
      find(library, "_ZNK3c1010TensorImpl13requires_gradEv",
           exports.requiresGrad) &&
      // at::native::is_neg(at::Tensor const &)
      find(library, "_ZN2at6native6is_negERKNS_6TensorE", exports.isNegated);
  // PyTorch itself keeps it.
  dlclose(library);
  return found;
}

/// Where in the object the address of its implementation stands; 0: nowhere.
static Py_ssize_t findImplementation(PyObject *tensor) {
  PyObject *value = PyObject_GetAttrString(tensor, "_cdata");
  const void *address = value ? PyLong_AsVoidPtr(value) : nullptr;
  Py_XDECREF(value);
  PyObject *size = PyObject_GetAttrString(
      reinterpret_cast<PyObject *>(Py_TYPE(tensor)), "__basicsize__");
  Py_ssize_t end = size ? PyLong_AsSsize_t(size) : 0;
  Py_XDECREF(size);
  if (!address || PyErr_Occurred())
    return 0;
  for (Py_ssize_t at = sizeof(PyObject);
       at + static_cast<Py_ssize_t>(sizeof(void *)) <= end;
       at += sizeof(void *))
    if (*reinterpret_cast<const void *const *>(
            reinterpret_cast<const char *>(tensor) + at) == address)
      return at;
  return 0;
}

std::array<Answer, 4> PyTorch::askAll(PyObject *example) const {
  return {isWatched(), isGradEnabled(), requiresGrad(example),
          isNegated(example)};
}

void PyTorch::findExports(PyObject *examples, const void *address) {
  if (!find(address, exports))
    return;
  Py_ssize_t first = 0;
  for (Py_ssize_t i = 0, e = PyTuple_Size(examples); i < e; ++i) {
    PyObject *example = PyTuple_GetItem(examples, i);
    offset = 0;
    std::array<Answer, 4> inPython = askAll(example);
    offset = isTensor(example) ? findImplementation(example) : 0;
    if (!offset || (first && offset != first) || askAll(example) != inPython) {
      offset = 0;
      break;
    }
    first = offset;
  }
  PyErr_Clear();
}

Answer PyTorch::isWatched() const {
  if (offset) {
    if (exports.countModes() != 0 || *exports.getTracingState())
      return Answer::Yes;
  } else {
    for (PyObject *watcher : {countModes, isTracing}) {
      Answer answer = isTrue(PyObject_CallNoArgs(watcher));
      if (answer != Answer::No)
        return answer;
    }
  }
  PyObject *level = PyObject_GetAttr(forwardAD, currentLevel);
  if (!level)
    return Answer::Failed;
  long number = PyLong_AsLong(level);
  Py_DECREF(level);
  if (number == -1 && PyErr_Occurred())
    return Answer::Failed;
  return toAnswer(number >= 0);
}

Answer PyTorch::isGradEnabled() const {
  return offset ? toAnswer(exports.isGradEnabled())
                : isTrue(PyObject_CallNoArgs(gradMode));
}

Answer PyTorch::requiresGrad(PyObject *tensor) const {
  return offset ? toAnswer(exports.requiresGrad(*getTensor(tensor)))
                : isTrue(PyObject_GetAttr(tensor, requiresGradName));
}

Answer PyTorch::isNegated(PyObject *tensor) const {
  return offset ? toAnswer(exports.isNegated(getTensor(tensor)))
                : isTrue(PyObject_CallFunctionObjArgs(isNeg, tensor, nullptr));
}
