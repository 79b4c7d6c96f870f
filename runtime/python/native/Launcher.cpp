//===- Launcher.cpp - The module _mqa_launcher ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mqa_launcher for Python: what ctypes could also call, at a quarter of the
// time. One file for every Python from 3.10 on (the stable ABI).
//
//===----------------------------------------------------------------------===//

#define Py_LIMITED_API 0x030A0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "mqa/Runtime.h"

namespace {
constexpr Py_ssize_t kNumTensors = 7;

struct Launcher {
  PyObject_HEAD mqa_launcher *handle;
  /// Subclasses of it may mean something else by their memory.
  PyTypeObject *tensorType;
};
} // namespace

static void *const *getObjects(PyObject *const *arguments) {
  return reinterpret_cast<void *const *>(arguments);
}

/// None, with the runtime's message as an exception where the call failed.
static PyObject *toResult(mqa_status status) {
  if (status == MQA_SUCCESS)
    Py_RETURN_NONE;
  if (!PyErr_Occurred())
    PyErr_SetString(PyExc_RuntimeError, mqa_last_error());
  return nullptr;
}

static PyObject *create(PyTypeObject *type, PyObject *arguments, PyObject *) {
  PyObject *tensorType, *capsule;
  if (!PyArg_ParseTuple(arguments, "O!O", &PyType_Type, &tensorType, &capsule))
    return nullptr;
  void *api = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
  if (!api)
    return nullptr;
  auto allocate =
      reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
  PyObject *self = allocate(type, 0);
  if (!self)
    return nullptr;
  auto *launcher = reinterpret_cast<Launcher *>(self);
  if (mqa_launcher_create(api, Py_None, &launcher->handle)) {
    PyErr_SetString(PyExc_RuntimeError, mqa_last_error());
    Py_DECREF(self);
    return nullptr;
  }
  Py_INCREF(tensorType);
  launcher->tensorType = reinterpret_cast<PyTypeObject *>(tensorType);
  return self;
}

static void destroy(PyObject *self) {
  auto *launcher = reinterpret_cast<Launcher *>(self);
  mqa_launcher_destroy(launcher->handle);
  Py_XDECREF(reinterpret_cast<PyObject *>(launcher->tensorType));
  PyTypeObject *type = Py_TYPE(self);
  auto release = reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free));
  release(self);
  Py_DECREF(reinterpret_cast<PyObject *>(type));
}

static PyObject *run(PyObject *self, PyObject *const *arguments,
                     Py_ssize_t count) {
  auto *launcher = reinterpret_cast<Launcher *>(self);
  if (count != 1 + kNumTensors) {
    PyErr_SetString(PyExc_TypeError, "run takes options and seven tensors");
    return nullptr;
  }
  for (Py_ssize_t i = 1; i < count; ++i)
    if (Py_TYPE(arguments[i]) != launcher->tensorType &&
        arguments[i] != Py_None)
      Py_RETURN_FALSE;
  unsigned long long options = PyLong_AsUnsignedLongLong(arguments[0]);
  if (options == static_cast<unsigned long long>(-1) && PyErr_Occurred())
    return nullptr;
  mqa_status status =
      mqa_launcher_run(launcher->handle, options, getObjects(arguments + 1));
  // The caller has a way of its own, which says what is wrong.
  PyErr_Clear();
  return PyBool_FromLong(status == MQA_SUCCESS);
}

/// The arguments of an `add`; kernel and args are addresses.
namespace {
struct Addition {
  unsigned long long options, kernel, args;
  PyObject *tensors[kNumTensors];
};
} // namespace

/// Of a paged kernel with its last argument.
static bool parse(PyObject *arguments, Addition &addition,
                  long long *kScaleOffset = nullptr) {
  PyObject **t = addition.tensors;
  return PyArg_ParseTuple(
      arguments, kScaleOffset ? "K(OOOOOOO)KKL" : "K(OOOOOOO)KK",
      &addition.options, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6],
      &addition.kernel, &addition.args, kScaleOffset);
}

static PyObject *addLogits(PyObject *self, PyObject *arguments) {
  Addition addition;
  if (!parse(arguments, addition))
    return nullptr;
  return toResult(mqa_launcher_add_logits(
      reinterpret_cast<Launcher *>(self)->handle, getObjects(addition.tensors),
      addition.options, reinterpret_cast<const mqa_kernel *>(addition.kernel),
      reinterpret_cast<const mqa_logits_args *>(addition.args)));
}

static PyObject *addPagedLogits(PyObject *self, PyObject *arguments) {
  Addition addition;
  long long kScaleOffset;
  if (!parse(arguments, addition, &kScaleOffset))
    return nullptr;
  return toResult(mqa_launcher_add_paged_logits(
      reinterpret_cast<Launcher *>(self)->handle, getObjects(addition.tensors),
      addition.options, reinterpret_cast<const mqa_kernel *>(addition.kernel),
      reinterpret_cast<const mqa_paged_logits_args *>(addition.args),
      kScaleOffset));
}

static PyMethodDef methods[] = {
    {"run", reinterpret_cast<PyCFunction>(reinterpret_cast<void *>(run)),
     METH_FASTCALL,
     "run(options, q, k, k_scale, weights, first, second, out): whether they "
     "were launched. False also where something is wrong with them."},
    {"add_logits", addLogits, METH_VARARGS,
     "add_logits(options, tensors, kernel, args): what run does from now on; "
     "the last two are addresses."},
    {"add_paged_logits", addPagedLogits, METH_VARARGS,
     "add_paged_logits(options, tensors, kernel, args, k_scale_offset)"},
    {nullptr, nullptr, 0, nullptr}};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char *>("Launcher(tensor_type, exchange_api): launches on "
                        "tensors like those of launches before")},
    {Py_tp_new, reinterpret_cast<void *>(create)},
    {Py_tp_dealloc, reinterpret_cast<void *>(destroy)},
    {Py_tp_methods, methods},
    {0, nullptr}};

static PyType_Spec launcherType = {"_mqa_launcher.Launcher", sizeof(Launcher),
                                   0, Py_TPFLAGS_DEFAULT, slots};

static PyModuleDef moduleDef = {PyModuleDef_HEAD_INIT,
                                "_mqa_launcher",
                                "mqa_launcher of mqa/Runtime.h",
                                -1,
                                nullptr,
                                nullptr,
                                nullptr,
                                nullptr,
                                nullptr};

PyMODINIT_FUNC PyInit__mqa_launcher() {
  PyObject *module = PyModule_Create(&moduleDef);
  PyObject *type = PyType_FromSpec(&launcherType);
  if (module && type && !PyModule_AddObjectRef(module, "Launcher", type)) {
    Py_DECREF(type);
    return module;
  }
  Py_XDECREF(type);
  Py_XDECREF(module);
  return nullptr;
}
