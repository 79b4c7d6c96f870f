/* A front end in C: has the dialect by its handle, parses and verifies one of
 * its ops, and finds its passes by their names. */

#include "mqa-c/Dialect.h"

#include "mlir-c/Pass.h"
#include "mlir-c/Support.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void expect(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "dialect: wrong: %s\n", what);
  ++failures;
}

static void ignore(MlirStringRef text, void *data) {
  (void)text;
  (void)data;
}

int main(void) {
  MlirDialectHandle handle = mlirGetDialectHandle__mqa__();
  MlirStringRef name = mlirDialectHandleGetNamespace(handle);
  expect(name.length == 3 && !memcmp(name.data, "mqa", 3), "namespace");

  /* Through a registry. */
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  mlirDialectHandleInsertDialect(handle, registry);
  MlirContext context = mlirContextCreateWithRegistry(registry, false);
  mlirDialectRegistryDestroy(registry);
  MlirDialect dialect = mlirDialectHandleLoadDialect(handle, context);
  expect(!mlirDialectIsNull(dialect), "the dialect loads");
  expect(mlirContextIsRegisteredOperation(
             context, mlirStringRefCreateFromCString("mqa.logits")),
         "mqa.logits is registered");
  expect(mlirContextIsRegisteredOperation(
             context, mlirStringRefCreateFromCString("mqa.wgmma")),
         "mqa.wgmma is registered");
  MlirAttribute attribute = mlirAttributeParseGet(
      context, mlirStringRefCreateFromCString("#mqa.activation<none>"));
  expect(!mlirAttributeIsNull(attribute), "an attribute is parsed");
  attribute = mlirAttributeParseGet(
      context, mlirStringRefCreateFromCString("#mqa.tie_break<greatest>"));
  expect(!mlirAttributeIsNull(attribute), "another attribute is parsed");

  /* `func` is not ours to register: any op in its place will do. */
  mlirContextSetAllowUnregisteredDialects(context, true);
  MlirModule module = mlirModuleCreateParse(
      context,
      mlirStringRefCreateFromCString(
          "%l, %e, %i = \"x.y\"() : () -> (tensor<4x9xf32>, tensor<4xi32>, "
          "tensor<4x2xi32>)\n"
          "%0 = mqa.topk ins(%l, none, %e : tensor<4x9xf32>, tensor<4xi32>) "
          "outs(%i : tensor<4x2xi32>) -> tensor<4x2xi32>\n"));
  expect(!mlirModuleIsNull(module), "an op is parsed and verified");
  mlirModuleDestroy(module);

  mqaRegisterPasses();
  mqaRegisterPasses();
  MlirPassManager passes = mlirPassManagerCreate(context);
  MlirLogicalResult parsed = mlirParsePassPipeline(
      mlirPassManagerGetAsOpPassManager(passes),
      mlirStringRefCreateFromCString(
          "builtin.module(mqa-attach-target,mqa-to-nvvm)"),
      ignore, NULL);
  expect(mlirLogicalResultIsSuccess(parsed), "passes have their names");
  mlirPassManagerDestroy(passes);
  mlirContextDestroy(context);
  if (!failures)
    printf("dialect: all as it should be\n");
  return failures != 0;
}
