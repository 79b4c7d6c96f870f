/*===- Dialect.h - The mqa dialect in MLIR's C API ----------------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* For a front end that builds IR through mlir-c. Compiling does not need it: *|
|* mqa/Compiler.h takes text.                                                 *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef MQA_C_DIALECT_H
#define MQA_C_DIALECT_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/** mlirGetDialectHandle__mqa__(): to insert the dialect into a registry, to
 *  register it with a context, or to load it. */
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(MQA, mqa);

/** Registers our passes and pipelines, by which mlirParsePassPipeline knows
 *  them. More than once is the same as once. */
MLIR_CAPI_EXPORTED void mqaRegisterPasses(void);

#ifdef __cplusplus
}
#endif

#endif /* MQA_C_DIALECT_H */
