//===- Launcher.cpp - The module _mqa_launcher ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mqa_launcher for Python: what ctypes could also call, at a quarter of the
// time. One file for every Python from 3.10 on (the stable ABI).
//
//===----------------------------------------------------------------------===//

#include "PyTorch.h"

#include "mqa/Runtime.h"

using namespace mqa::python;

namespace {
/// The tensors of an op: how many, and a bit for each that may be None.
struct Operands {
  Py_ssize_t count;
  unsigned optional;
};
/// q, k, k_scale, weights, two of int32, out.
constexpr Operands kLogits{7, 1u << 2 | 1u << 3};
/// logits, ks, ke, context_lens, block_table, sequence, offset, indices,
/// values.
constexpr Operands kTopk{9, 0x7e | 1u << 8};
/// q, k, k_scale, weights, ks, ke, block_table, sequence, offset, indices,
/// values.
constexpr Operands kLogitsTopk{11, 3u << 2 | 7u << 6 | 1u << 10};
/// q, k, k_scale, weights, context_lens, block_table, offset, indices, values.
constexpr Operands kPagedLogitsTopk{9, 3u << 2 | 1u << 6 | 1u << 8};

struct Launcher {
  PyObject_HEAD mqa_launcher *handle;
  PyTorch torch;
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
  PyObject *tensorType, *capsule, *questions, *examples;
  if (!PyArg_ParseTuple(arguments, "O!OO!O!", &PyType_Type, &tensorType,
                        &capsule, &PyTuple_Type, &questions, &PyTuple_Type,
                        &examples))
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
  if (launcher->torch.create(tensorType, questions, examples, api)) {
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
  launcher->torch.destroy();
  PyTypeObject *type = Py_TYPE(self);
  auto release = reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free));
  release(self);
  Py_DECREF(reinterpret_cast<PyObject *>(type));
}

/// Whether each is a tensor by type, or None where that may be.
static bool areTensors(const Launcher &launcher, PyObject *const *tensors,
                       Py_ssize_t count, unsigned optional) {
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!launcher.torch.isTensor(tensors[i]) &&
        !(tensors[i] == Py_None && optional >> i & 1))
      return false;
  return true;
}

/// Whether someone watches the calls of PyTorch, so that a launch from here
/// would be missed, or may ask for a derivative.
static Answer isWatched(const Launcher &launcher, PyObject *const *tensors,
                        Py_ssize_t count) {
  Answer answer = launcher.torch.isWatched();
  if (answer != Answer::No)
    return answer;
  answer = launcher.torch.isGradEnabled();
  for (Py_ssize_t i = 0; i < count && answer == Answer::Yes; ++i) {
    if (tensors[i] == Py_None)
      continue;
    Answer asks = launcher.torch.requiresGrad(tensors[i]);
    if (asks != Answer::No)
      return asks;
  }
  return answer == Answer::Failed ? answer : Answer::No;
}

/// Whether PyTorch would find nothing to do before a launch on the tensors, but
/// to unwrap those that have no memory.
static bool isPlain(const Launcher &launcher, PyObject *const *tensors,
                    Py_ssize_t count, unsigned optional) {
  if (!areTensors(launcher, tensors, count, optional) ||
      isWatched(launcher, tensors, count) != Answer::No)
    return false;
  for (Py_ssize_t i = 0; i < count; ++i)
    if (tensors[i] != Py_None &&
        launcher.torch.isNegated(tensors[i]) != Answer::No)
      return false;
  return true;
}

/// The caller has a way of its own, which says what is wrong.
static PyObject *toBool(bool value) {
  PyErr_Clear();
  return PyBool_FromLong(value);
}

namespace {
using Check = bool(const Launcher &, PyObject *const *, Py_ssize_t, unsigned);
using Run = mqa_status(mqa_launcher *, uint64_t, void *const *);
} // namespace

/// What `check` says of the launcher and as many tensors as the op has at most.
template <Check check, const Operands &operands>
static PyObject *answer(PyObject *self, PyObject *const *tensors,
                        Py_ssize_t count) {
  if (count <= operands.count)
    return toBool(check(*reinterpret_cast<Launcher *>(self), tensors, count,
                        operands.optional));
  return PyErr_Format(PyExc_TypeError, "up to %zd tensors are needed",
                      operands.count);
}

/// What cannot be asked is left to the caller too.
static bool mayBeWatched(const Launcher &launcher, PyObject *const *tensors,
                         Py_ssize_t count, unsigned optional) {
  return !areTensors(launcher, tensors, count, optional) ||
         isWatched(launcher, tensors, count) != Answer::No;
}

/// Launches what `check` takes.
template <Check check, const Operands &operands, Run run>
static PyObject *runIf(PyObject *self, PyObject *const *arguments,
                       Py_ssize_t count) {
  auto &launcher = *reinterpret_cast<Launcher *>(self);
  if (count != 1 + operands.count)
    return PyErr_Format(PyExc_TypeError, "options and %zd tensors are needed",
                        operands.count);
  unsigned long long options = PyLong_AsUnsignedLongLong(arguments[0]);
  if (options == static_cast<unsigned long long>(-1) && PyErr_Occurred())
    return nullptr;
  PyObject *const *tensors = arguments + 1;
  return toBool(check(launcher, tensors, operands.count, operands.optional) &&
                run(launcher.handle, options, getObjects(tensors)) ==
                    MQA_SUCCESS);
}

static PyObject *asksPython(PyObject *self, PyObject *) {
  return PyBool_FromLong(
      !reinterpret_cast<Launcher *>(self)->torch.usesExports());
}

/// The arguments of an `add`; kernel and args are addresses.
namespace {
struct Addition {
  unsigned long long options, kernel, args;
  PyObject *tensors[kTopk.count];
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

static PyObject *addTopk(PyObject *self, PyObject *arguments) {
  Addition addition;
  PyObject **t = addition.tensors;
  if (!PyArg_ParseTuple(arguments, "K(OOOOOOOOO)KK", &addition.options, &t[0],
                        &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7], &t[8],
                        &addition.kernel, &addition.args))
    return nullptr;
  return toResult(mqa_launcher_add_topk(
      reinterpret_cast<Launcher *>(self)->handle, getObjects(addition.tensors),
      addition.options, reinterpret_cast<const mqa_kernel *>(addition.kernel),
      reinterpret_cast<const mqa_topk_args *>(addition.args)));
}

/// Of kernels of both ops: behind the kernel come the arguments of the two, and
/// the stream.
namespace {
struct BothAddition {
  unsigned long long options, kernel, args, selection, stream;
  PyObject *tensors[kLogitsTopk.count];
};
} // namespace

static PyObject *addLogitsTopk(PyObject *self, PyObject *arguments) {
  BothAddition addition;
  PyObject **t = addition.tensors;
  if (!PyArg_ParseTuple(arguments, "K(OOOOOOOOOOO)KKKK", &addition.options,
                        &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7],
                        &t[8], &t[9], &t[10], &addition.kernel, &addition.args,
                        &addition.selection, &addition.stream))
    return nullptr;
  return toResult(mqa_launcher_add_logits_topk(
      reinterpret_cast<Launcher *>(self)->handle, getObjects(addition.tensors),
      addition.options, reinterpret_cast<const mqa_kernel *>(addition.kernel),
      reinterpret_cast<const mqa_logits_args *>(addition.args),
      reinterpret_cast<const mqa_topk_args *>(addition.selection),
      reinterpret_cast<void *>(addition.stream)));
}

static PyObject *addPagedLogitsTopk(PyObject *self, PyObject *arguments) {
  BothAddition addition;
  PyObject **t = addition.tensors;
  if (!PyArg_ParseTuple(arguments, "K(OOOOOOOOO)KKKK", &addition.options, &t[0],
                        &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7], &t[8],
                        &addition.kernel, &addition.args, &addition.selection,
                        &addition.stream))
    return nullptr;
  return toResult(mqa_launcher_add_paged_logits_topk(
      reinterpret_cast<Launcher *>(self)->handle, getObjects(addition.tensors),
      addition.options, reinterpret_cast<const mqa_kernel *>(addition.kernel),
      reinterpret_cast<const mqa_paged_logits_args *>(addition.args),
      reinterpret_cast<const mqa_topk_args *>(addition.selection),
      reinterpret_cast<void *>(addition.stream)));
}

static PyObject *clear(PyObject *self, PyObject *) {
  return toResult(
      mqa_launcher_clear(reinterpret_cast<Launcher *>(self)->handle));
}

/// A method that takes an array of arguments.
static PyCFunction toMethod(PyObject *(*function)(PyObject *, PyObject *const *,
                                                  Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void *>(function));
}

static PyMethodDef methods[] = {
    {"is_plain", toMethod(answer<isPlain, kLogits>), METH_FASTCALL,
     "is_plain(q, k, k_scale, weights, first, second[, out]): whether a launch "
     "may pass PyTorch's dispatcher by. That they have memory is left to the "
     "launch."},
    {"is_watched", toMethod(answer<mayBeWatched, kLogits>), METH_FASTCALL,
     "is_watched(q, k, k_scale, weights, first, second, out): whether someone "
     "watches the calls of PyTorch, or may ask for a derivative."},
    {"run", toMethod(runIf<isPlain, kLogits, mqa_launcher_run>), METH_FASTCALL,
     "run(options, q, k, k_scale, weights, first, second, out): whether they "
     "were launched. False where they are not plain, where nothing like them "
     "was added, and where something is wrong with them."},
    {"run_plain", toMethod(runIf<areTensors, kLogits, mqa_launcher_run>),
     METH_FASTCALL, "run, of tensors that are plain"},
    {"add_logits", addLogits, METH_VARARGS,
     "add_logits(options, tensors, kernel, args): what run does from now on; "
     "the last two are addresses."},
    {"add_paged_logits", addPagedLogits, METH_VARARGS,
     "add_paged_logits(options, tensors, kernel, args, k_scale_offset)"},
    {"is_topk_plain", toMethod(answer<isPlain, kTopk>), METH_FASTCALL,
     "is_topk_plain(logits, ks, ke, context_lens, block_table, sequence, "
     "offset[, indices, values]): is_plain of mqa.topk"},
    {"is_topk_watched", toMethod(answer<mayBeWatched, kTopk>), METH_FASTCALL,
     "is_topk_watched(...): is_watched of mqa.topk"},
    {"run_topk", toMethod(runIf<isPlain, kTopk, mqa_launcher_run_topk>),
     METH_FASTCALL,
     "run_topk(options, logits, ks, ke, context_lens, block_table, sequence, "
     "offset, indices, values): run of mqa.topk"},
    {"run_topk_plain",
     toMethod(runIf<areTensors, kTopk, mqa_launcher_run_topk>), METH_FASTCALL,
     "run_topk, of tensors that are plain"},
    {"add_topk", addTopk, METH_VARARGS,
     "add_topk(options, tensors, kernel, args)"},
    {"is_logits_topk_plain", toMethod(answer<isPlain, kLogitsTopk>),
     METH_FASTCALL, "is_logits_topk_plain(...): is_plain of mqa.logits_topk"},
    {"is_logits_topk_watched", toMethod(answer<mayBeWatched, kLogitsTopk>),
     METH_FASTCALL,
     "is_logits_topk_watched(...): is_watched of mqa.logits_topk"},
    {"run_logits_topk",
     toMethod(runIf<isPlain, kLogitsTopk, mqa_launcher_run_logits_topk>),
     METH_FASTCALL,
     "run_logits_topk(options, q, k, k_scale, weights, ks, ke, block_table, "
     "sequence, offset, indices, values): run of mqa.logits_topk"},
    {"run_logits_topk_plain",
     toMethod(runIf<areTensors, kLogitsTopk, mqa_launcher_run_logits_topk>),
     METH_FASTCALL, "run_logits_topk, of tensors that are plain"},
    {"add_logits_topk", addLogitsTopk, METH_VARARGS,
     "add_logits_topk(options, tensors, kernel, args, selection, stream): the "
     "last four are addresses; scratch is for launches on the stream"},
    {"is_paged_logits_topk_plain", toMethod(answer<isPlain, kPagedLogitsTopk>),
     METH_FASTCALL,
     "is_paged_logits_topk_plain(...): is_plain of mqa.paged_logits_topk"},
    {"is_paged_logits_topk_watched",
     toMethod(answer<mayBeWatched, kPagedLogitsTopk>), METH_FASTCALL,
     "is_paged_logits_topk_watched(...): is_watched of mqa.paged_logits_topk"},
    {"run_paged_logits_topk",
     toMethod(
         runIf<isPlain, kPagedLogitsTopk, mqa_launcher_run_paged_logits_topk>),
     METH_FASTCALL,
     "run_paged_logits_topk(options, q, k, k_scale, weights, context_lens, "
     "block_table, offset, indices, values): run of mqa.paged_logits_topk"},
    {"run_paged_logits_topk_plain",
     toMethod(runIf<areTensors, kPagedLogitsTopk,
                    mqa_launcher_run_paged_logits_topk>),
     METH_FASTCALL, "run_paged_logits_topk, of tensors that are plain"},
    {"add_paged_logits_topk", addPagedLogitsTopk, METH_VARARGS,
     "add_paged_logits_topk(options, tensors, kernel, args, selection, "
     "stream)"},
    {"clear", clear, METH_NOARGS, "clear(): forgets all that was added"},
    {"asks_python", asksPython, METH_NOARGS,
     "asks_python(): whether it asks PyTorch's Python functions for want of "
     "those in its libraries, which takes longer"},
    {nullptr, nullptr, 0, nullptr}};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char *>(
         "Launcher(tensor_type, exchange_api, (count_modes, is_tracing, "
         "is_grad_enabled, forward_ad), examples): launches on tensors like "
         "those of launches before")},
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
  bool added =
      module && type && !PyModule_AddObjectRef(module, "Launcher", type);
  if (added) {
    Py_DECREF(type);
    return module;
  }
  Py_XDECREF(type);
  Py_XDECREF(module);
  return nullptr;
}
