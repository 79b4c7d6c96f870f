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

#include <initializer_list>

namespace {
constexpr Py_ssize_t kNumTensors = 7;
/// Where the tensors stand: q, k, k_scale, weights, two of int32, out.
enum Position { Q, K, KScale, Weights, First, Second, Out };
/// Part of the options of a launch whose q and k are 16-bit floats.
constexpr unsigned long long kFloat16 = 1ULL << 62;

struct Launcher {
  PyObject_HEAD mqa_launcher *handle;
  /// Subclasses of it may mean something else by their memory.
  PyTypeObject *tensorType;
  /// A tuple of functions. While one of them says something true, someone
  /// watches the calls of PyTorch, and a launch from here would be missed.
  PyObject *watchers;
  PyObject *isGradEnabled;
  /// The module torch.autograd.forward_ad.
  PyObject *forwardAD;
  /// The method Tensor.is_neg.
  PyObject *isNeg;
  /// Names of attributes.
  PyObject *requiresGrad, *currentLevel;
};

/// What a check of Python objects says; Failed: with an exception set.
enum class Answer { Failed = -1, No, Yes };
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

/// Takes the reference.
static Answer isTrue(PyObject *object) {
  if (!object)
    return Answer::Failed;
  int result = PyObject_IsTrue(object);
  Py_DECREF(object);
  return static_cast<Answer>(result);
}

static PyObject *create(PyTypeObject *type, PyObject *arguments, PyObject *) {
  PyObject *tensorType, *capsule, *watchers, *isGradEnabled, *forwardAD;
  if (!PyArg_ParseTuple(arguments, "O!OO!OO", &PyType_Type, &tensorType,
                        &capsule, &PyTuple_Type, &watchers, &isGradEnabled,
                        &forwardAD))
    return nullptr;
  void *api = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
  if (!api)
    return nullptr;
  auto allocate =
      reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
  PyObject *self = allocate(type, 0);
  if (!self)
    return nullptr;
  // Whatever is null is left out when `self` is destroyed.
  auto *launcher = reinterpret_cast<Launcher *>(self);
  launcher->isNeg = PyObject_GetAttrString(tensorType, "is_neg");
  launcher->requiresGrad = PyUnicode_InternFromString("requires_grad");
  launcher->currentLevel = PyUnicode_InternFromString("_current_level");
  Py_INCREF(tensorType);
  launcher->tensorType = reinterpret_cast<PyTypeObject *>(tensorType);
  launcher->watchers = Py_NewRef(watchers);
  launcher->isGradEnabled = Py_NewRef(isGradEnabled);
  launcher->forwardAD = Py_NewRef(forwardAD);
  if (launcher->isNeg && launcher->requiresGrad && launcher->currentLevel) {
    if (mqa_launcher_create(api, Py_None, &launcher->handle) == MQA_SUCCESS)
      return self;
    PyErr_SetString(PyExc_RuntimeError, mqa_last_error());
  }
  Py_DECREF(self);
  return nullptr;
}

static void destroy(PyObject *self) {
  auto *launcher = reinterpret_cast<Launcher *>(self);
  mqa_launcher_destroy(launcher->handle);
  Py_XDECREF(reinterpret_cast<PyObject *>(launcher->tensorType));
  for (PyObject *object :
       {launcher->watchers, launcher->isGradEnabled, launcher->forwardAD,
        launcher->isNeg, launcher->requiresGrad, launcher->currentLevel})
    Py_XDECREF(object);
  PyTypeObject *type = Py_TYPE(self);
  auto release = reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free));
  release(self);
  Py_DECREF(reinterpret_cast<PyObject *>(type));
}

/// Whether each is a tensor by type, or None where that may be.
static bool areTensors(const Launcher &launcher, PyObject *const *tensors,
                       Py_ssize_t count) {
  for (Py_ssize_t i = 0; i < count; ++i)
    if (Py_TYPE(tensors[i]) != launcher.tensorType &&
        !(tensors[i] == Py_None && (i == KScale || i == Weights)))
      return false;
  return true;
}

/// Whether someone may ask for a derivative: by a graph, or forward.
static Answer hasDerivative(const Launcher &launcher, PyObject *const *tensors,
                            Py_ssize_t count) {
  PyObject *level = PyObject_GetAttr(launcher.forwardAD, launcher.currentLevel);
  if (!level)
    return Answer::Failed;
  long number = PyLong_AsLong(level);
  Py_DECREF(level);
  if (number >= 0)
    return Answer::Yes;
  if (PyErr_Occurred())
    return Answer::Failed;
  Answer enabled = isTrue(PyObject_CallNoArgs(launcher.isGradEnabled));
  if (enabled != Answer::Yes)
    return enabled;
  // Those of int32 cannot.
  for (Position i : {Q, K, KScale, Weights, Out}) {
    if (i >= count || tensors[i] == Py_None)
      continue;
    Answer answer = isTrue(PyObject_GetAttr(tensors[i], launcher.requiresGrad));
    if (answer != Answer::No)
      return answer;
  }
  return Answer::No;
}

/// Whether someone watches the calls of PyTorch, or asks for a derivative.
static Answer isWatched(const Launcher &launcher, PyObject *const *tensors,
                        Py_ssize_t count) {
  for (Py_ssize_t i = 0, e = PyTuple_Size(launcher.watchers); i < e; ++i) {
    PyObject *watcher = PyTuple_GetItem(launcher.watchers, i);
    Answer answer = isTrue(PyObject_CallNoArgs(watcher));
    if (answer != Answer::No)
      return answer;
  }
  return hasDerivative(launcher, tensors, count);
}

/// Whether one of those at `positions` stands for the negative of its memory.
/// Views like that are parts of complex numbers, so of floats.
static Answer isNegated(const Launcher &launcher, PyObject *const *tensors,
                        Py_ssize_t count,
                        std::initializer_list<Position> positions) {
  for (Position i : positions) {
    if (i >= count || tensors[i] == Py_None)
      continue;
    Answer answer = isTrue(
        PyObject_CallFunctionObjArgs(launcher.isNeg, tensors[i], nullptr));
    if (answer != Answer::No)
      return answer;
  }
  return Answer::No;
}

/// Whether PyTorch would find nothing to do before a launch on the tensors.
/// That q and k are not negated is left to `launch`.
static bool isPlain(const Launcher &launcher, PyObject *const *tensors,
                    Py_ssize_t count) {
  return areTensors(launcher, tensors, count) &&
         isWatched(launcher, tensors, count) == Answer::No &&
         isNegated(launcher, tensors, count, {KScale, Weights, Out}) ==
             Answer::No;
}

static bool launch(const Launcher &launcher, unsigned long long options,
                   PyObject *const *tensors) {
  if (mqa_launcher_run(launcher.handle, options, getObjects(tensors)) ==
      MQA_SUCCESS)
    return true;
  PyErr_Clear();
  return isNegated(launcher, tensors, kNumTensors, {Q, K}) == Answer::No &&
         mqa_launcher_run(launcher.handle, options | kFloat16,
                          getObjects(tensors)) == MQA_SUCCESS;
}

/// The caller has a way of its own, which says what is wrong.
static PyObject *toBool(bool value) {
  PyErr_Clear();
  return PyBool_FromLong(value);
}

/// What `check` says of the launcher and its up to seven tensors.
template <typename Check>
static PyObject *answer(Check check, PyObject *self, PyObject *const *tensors,
                        Py_ssize_t count) {
  if (count <= kNumTensors)
    return toBool(check(*reinterpret_cast<Launcher *>(self), tensors, count));
  PyErr_SetString(PyExc_TypeError, "up to seven tensors are needed");
  return nullptr;
}

static PyObject *isPlain(PyObject *self, PyObject *const *tensors,
                         Py_ssize_t count) {
  auto check = [](const Launcher &launcher, PyObject *const *tensors,
                  Py_ssize_t count) {
    return isPlain(launcher, tensors, count);
  };
  return answer(check, self, tensors, count);
}

static PyObject *isWatched(PyObject *self, PyObject *const *tensors,
                           Py_ssize_t count) {
  auto check = [](const Launcher &launcher, PyObject *const *tensors,
                  Py_ssize_t count) {
    // What cannot be asked is left to the caller too.
    return isWatched(launcher, tensors, count) != Answer::No;
  };
  return answer(check, self, tensors, count);
}

/// Launches what `accepts` takes.
template <typename Accepts>
static PyObject *runIf(Accepts accepts, PyObject *self,
                       PyObject *const *arguments, Py_ssize_t count) {
  auto &launcher = *reinterpret_cast<Launcher *>(self);
  if (count != 1 + kNumTensors) {
    PyErr_SetString(PyExc_TypeError, "options and seven tensors are needed");
    return nullptr;
  }
  unsigned long long options = PyLong_AsUnsignedLongLong(arguments[0]);
  if (options == static_cast<unsigned long long>(-1) && PyErr_Occurred())
    return nullptr;
  PyObject *const *tensors = arguments + 1;
  return toBool(accepts(launcher, tensors, kNumTensors) &&
                launch(launcher, options, tensors));
}

static PyObject *run(PyObject *self, PyObject *const *arguments,
                     Py_ssize_t count) {
  return runIf<bool(const Launcher &, PyObject *const *, Py_ssize_t)>(
      isPlain, self, arguments, count);
}

static PyObject *runPlain(PyObject *self, PyObject *const *arguments,
                          Py_ssize_t count) {
  return runIf(areTensors, self, arguments, count);
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

/// A method that takes an array of arguments.
static PyCFunction toMethod(PyObject *(*function)(PyObject *, PyObject *const *,
                                                  Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void *>(function));
}

static PyMethodDef methods[] = {
    {"is_plain", toMethod(isPlain), METH_FASTCALL,
     "is_plain(q, k, k_scale, weights, first, second[, out]): whether a launch "
     "may pass PyTorch's dispatcher by. That q and k stand for what their "
     "memory holds is left to the launch."},
    {"is_watched", toMethod(isWatched), METH_FASTCALL,
     "is_watched(q, k, k_scale, weights, first, second, out): whether someone "
     "watches the calls of PyTorch, or may ask for a derivative."},
    {"run", toMethod(run), METH_FASTCALL,
     "run(options, q, k, k_scale, weights, first, second, out): whether they "
     "were launched. False where they are not plain, where nothing like them "
     "was added, and where something is wrong with them."},
    {"run_plain", toMethod(runPlain), METH_FASTCALL,
     "run, of tensors that are plain"},
    {"add_logits", addLogits, METH_VARARGS,
     "add_logits(options, tensors, kernel, args): what run does from now on; "
     "the last two are addresses."},
    {"add_paged_logits", addPagedLogits, METH_VARARGS,
     "add_paged_logits(options, tensors, kernel, args, k_scale_offset)"},
    {nullptr, nullptr, 0, nullptr}};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char *>(
         "Launcher(tensor_type, exchange_api, watchers, is_grad_enabled, "
         "forward_ad): launches on tensors like those of launches before")},
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
  // To be added to the options of launches on 16-bit floats.
  PyObject *float16 = PyLong_FromUnsignedLongLong(kFloat16);
  bool added = module && type && float16 &&
               !PyModule_AddObjectRef(module, "Launcher", type) &&
               !PyModule_AddObjectRef(module, "FLOAT16", float16);
  Py_XDECREF(float16);
  if (added) {
    Py_DECREF(type);
    return module;
  }
  Py_XDECREF(type);
  Py_XDECREF(module);
  return nullptr;
}
