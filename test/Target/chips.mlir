// Every chip compiles the examples. chips-cubin.mlir assembles them.
// RUN: mqa-compile %S/../Examples/logits.mlir --target=sm_80 --emit=ptx -o %t.80.ptx
// RUN: FileCheck %s --check-prefix=SM80 --input-file=%t.80.ptx
// RUN: mqa-compile %S/../Examples/paged_logits.mlir --target=sm_86 --emit=ptx -o %t.86.ptx
// RUN: FileCheck %s --check-prefix=SM86 --input-file=%t.86.ptx
// RUN: mqa-compile %S/../Examples/logits.mlir --target=sm_89 --emit=ptx -o %t.89.ptx
// RUN: FileCheck %s --check-prefix=SM89 --input-file=%t.89.ptx
// RUN: mqa-compile %S/../Examples/paged_logits.mlir --target=sm_120 --emit=ptx -o %t.120.ptx
// RUN: FileCheck %s --check-prefix=SM120 --input-file=%t.120.ptx

// No instruction of Hopper.
// SM80: .target sm_80
// SM80-NOT: {{wgmma|cp.async.bulk|setmaxnreg|try_wait|griddepcontrol|fence.proxy}}
// SM80: cp.async.cg.shared.global
// SM80-NOT: {{wgmma|cp.async.bulk|setmaxnreg|try_wait|griddepcontrol|fence.proxy}}
// SM80: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// SM80-NOT: {{wgmma|cp.async.bulk|setmaxnreg|try_wait|griddepcontrol|fence.proxy}}
// SM86: .target sm_86
// SM89: .target sm_89
// SM89: mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32
// SM120: .target sm_120
