//===- CacheTest.cpp - The compiler's cache -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mqa/Compiler/Cache.h"
#include "Compilation.h"
#include "mqa/Target/Bundle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {
struct CacheTest : testing::Test {
  void SetUp() override {
    // So that a test's own folders are what it says.
    umask(022);
    folder = std::filesystem::path(testing::TempDir()) /
             ("mqa-cache-" + std::to_string(getpid()));
    std::filesystem::remove_all(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  Compilation compile(int64_t numHeads = 16, const char *schedule = nullptr) {
    mqa_logits_description op = makeOp();
    op.num_heads = numHeads;
    op.head_dim = 32;
    std::string path = folder.string();
    mqa_compile_options options = {"cpu", schedule, path.c_str()};
    return Compilation(mqa_compile_logits(&op, &options));
  }
  static bool wasCached(const Compilation &result) {
    return mqa_compilation_was_cached(result.handle.get());
  }
  std::vector<std::filesystem::path> listFiles() {
    std::vector<std::filesystem::path> files;
    for (const auto &entry : std::filesystem::directory_iterator(folder))
      files.push_back(entry.path());
    return files;
  }
  static mode_t getMode(const std::filesystem::path &path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  /// With the folder that `create` makes, compiling works, and one warning says
  /// why the cache does not.
  template <typename Create> void expectUnused(const char *why, Create create) {
    std::filesystem::remove_all(folder);
    create();
    for (int i = 0; i < 2; ++i) {
      Compilation result = compile();
      EXPECT_TRUE(result.succeeded());
      EXPECT_FALSE(wasCached(result));
      std::string words = result.diagnostics();
      EXPECT_EQ(words.find("warning: the cache is not used: "), 0u) << words;
      EXPECT_NE(words.find(why), std::string::npos) << words;
      EXPECT_EQ(std::count(words.begin(), words.end(), '\n'), 1) << words;
    }
  }
  std::filesystem::path folder;
};
} // namespace

TEST_F(CacheTest, SecondTimeFromTheCache) {
  Compilation cold = compile(), warm = compile();
  ASSERT_TRUE(cold.succeeded()) << cold.diagnostics();
  EXPECT_FALSE(wasCached(cold));
  EXPECT_TRUE(wasCached(warm));
  EXPECT_EQ(cold.bundle(), warm.bundle());
  EXPECT_FALSE(wasCached(compile(32))) << "another op";
  EXPECT_FALSE(wasCached(compile(16, "fast"))) << "another schedule";
  EXPECT_TRUE(wasCached(compile()));
  EXPECT_EQ(listFiles().size(), 3u);
}

TEST_F(CacheTest, HostProgramsAreKept) {
  std::string text = R"mlir(
    func.func @f(%q: tensor<4x1x16xbf16>, %k: tensor<8x16xbf16>, %ke: tensor<4xi32>) -> tensor<4x8xf32> {
      %e = tensor.empty() : tensor<4x8xf32>
      %0 = mqa.logits ins(%q, %k, none, none, none, %ke : tensor<4x1x16xbf16>, tensor<8x16xbf16>, tensor<4xi32>) outs(%e : tensor<4x8xf32>) {clean} -> tensor<4x8xf32>
      return %0 : tensor<4x8xf32>
    })mlir";
  std::string path = folder.string();
  auto compileFor = [&](const char *target) {
    mqa_compile_options options = {target, nullptr, path.c_str()};
    return Compilation(mqa_compile_text(text.data(), text.size(), &options));
  };
  auto getHost = [](const Compilation &result) -> std::string {
    const char *host = mqa_compilation_host(result.handle.get(), nullptr);
    return host ? host : "";
  };
  Compilation cold = compileFor("cpu"), warm = compileFor("cpu");
  ASSERT_TRUE(cold.succeeded()) << cold.diagnostics();
  EXPECT_FALSE(wasCached(cold));
  EXPECT_TRUE(wasCached(warm));
  EXPECT_NE(getHost(cold).find("call @f_logits("), std::string::npos);
  EXPECT_EQ(getHost(cold), getHost(warm));
  EXPECT_EQ(cold.bundle(), warm.bundle());
  // It is that of each target.
  EXPECT_EQ(getHost(compileFor("sm_80,cpu")), getHost(cold));
  EXPECT_EQ(getHost(compileFor("sm_80")), getHost(cold));
}

TEST_F(CacheTest, FailuresAreNotKept) {
  EXPECT_FALSE(compile(0).succeeded());
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(CacheTest, AlteredEntriesAreCompiledAgain) {
  std::string bundle = compile().bundle();
  std::filesystem::path file = listFiles().at(0);
  auto size = std::filesystem::file_size(file);
  for (uintmax_t kept : {uintmax_t(0), uintmax_t(20), size / 2, size - 1}) {
    std::filesystem::resize_file(file, kept);
    Compilation again = compile();
    EXPECT_FALSE(wasCached(again)) << kept;
    EXPECT_EQ(again.bundle(), bundle);
    EXPECT_TRUE(wasCached(compile()));
  }
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(size / 2);
    stream.put('x');
    stream.put('y');
  }
  EXPECT_FALSE(wasCached(compile()));
  EXPECT_EQ(compile().bundle(), bundle);
}

//===----------------------------------------------------------------------===//
// Whose entries they are
//===----------------------------------------------------------------------===//

TEST_F(CacheTest, PrivateToItsOwner) {
  compile();
  EXPECT_EQ(getMode(folder), 0700u);
  EXPECT_EQ(getMode(listFiles().at(0)), 0600u);
}

TEST_F(CacheTest, FoldersOfOthersAreNotUsed) {
  expectUnused("cannot open '", [&] { std::ofstream(folder) << "a file"; });
  expectUnused("may be written by others (mode 0775)", [&] {
    std::filesystem::create_directory(folder);
    chmod(folder.c_str(), 0775);
  });
  expectUnused("may be written by others (mode 0777)", [&] {
    std::filesystem::create_directory(folder);
    chmod(folder.c_str(), 01777);
  });
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can make another user's folder";
  expectUnused("belongs to user 65534, not to user 0", [&] {
    std::filesystem::create_directory(folder);
    ASSERT_EQ(chown(folder.c_str(), 65534, 65534), 0);
  });
}

TEST_F(CacheTest, EntriesOfOthersAreCompiledAgain) {
  compile();
  std::filesystem::path file = listFiles().at(0), kept = folder / "kept";
  auto expectMiss = [&](const char *what) {
    EXPECT_FALSE(wasCached(compile())) << what;
    EXPECT_TRUE(wasCached(compile())) << what;
  };
  chmod(file.c_str(), 0666);
  expectMiss("may be written by others");
  std::filesystem::rename(file, kept);
  std::filesystem::create_symlink(kept, file);
  expectMiss("a link");
  std::filesystem::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  expectMiss("a FIFO, which must not hang");
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/dev/zero", file);
  expectMiss("a device without end");
  {
    std::ofstream(file).put('x');
    std::filesystem::resize_file(file, uintmax_t(1) << 40);
  }
  expectMiss("a terabyte");
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(file.c_str(), 65534, 65534), 0);
  expectMiss("another user's");
}

TEST_F(CacheTest, AnEntryIsOfItsKey) {
  std::string bundle = compile(16).bundle();
  std::filesystem::path file = listFiles().at(0);
  compile(32);
  for (const auto &other : listFiles())
    if (other != file)
      std::filesystem::copy_file(
          other, file, std::filesystem::copy_options::overwrite_existing);
  // Whole, but of another op.
  Compilation again = compile(16);
  EXPECT_FALSE(wasCached(again));
  EXPECT_EQ(again.bundle(), bundle);
}

//===----------------------------------------------------------------------===//
// In C++
//===----------------------------------------------------------------------===//

static std::string makeBundle(size_t bytes) {
  mlir::mqa::BundleContents contents;
  contents.sections.push_back({"ptx", std::string(bytes, 'x')});
  std::string bundle;
  llvm::raw_string_ostream os(bundle);
  mlir::mqa::writeBundle(std::move(contents), os);
  return bundle;
}

static std::string makeKey(char digit) { return std::string(64, digit); }

TEST_F(CacheTest, TheOldestGoWhenItIsFull) {
  std::string bundle = makeBundle(600);
  // Room for three entries, each a little larger than its bundle.
  mlir::mqa::BundleCache cache(folder.string(),
                               /*maxBytes=*/3 * bundle.size() + 500);
  auto has = [&](char digit) {
    auto found = cache.lookUp(makeKey(digit));
    return found && *found && (*found)->output == bundle &&
           (*found)->host == "host";
  };
  for (char digit : {'0', '1', '2', '3'}) {
    ASSERT_FALSE(bool(cache.store(makeKey(digit), {bundle, "host"})));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    // Used again and again.
    EXPECT_TRUE(has('0'));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(has('0'));
  EXPECT_FALSE(has('1')) << "not used for longest";
  EXPECT_TRUE(has('2'));
  EXPECT_TRUE(has('3'));
  // Nothing else in the folder is touched, but what a process left long ago.
  std::ofstream(folder / "mine") << std::string(5000, 'x');
  std::ofstream(folder / ".mqa-1-0-1.tmp") << "half an entry";
  std::filesystem::last_write_time(
      folder / ".mqa-1-0-1.tmp",
      std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  ASSERT_FALSE(bool(cache.store(makeKey('4'), {bundle, ""})));
  EXPECT_TRUE(std::filesystem::exists(folder / "mine"));
  EXPECT_FALSE(std::filesystem::exists(folder / ".mqa-1-0-1.tmp"));
}

TEST_F(CacheTest, WhatIsTooLargeIsNotWritten) {
  mlir::mqa::BundleCache cache(folder.string());
  std::string host(size_t(64) << 20, 'x');
  std::string words =
      llvm::toString(cache.store(makeKey('0'), {makeBundle(600), host}));
  EXPECT_NE(words.find("more than an entry may have"), std::string::npos)
      << words;
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(CacheTest, WhatIsNoBundleIsNoEntry) {
  mlir::mqa::BundleCache cache(folder.string());
  ASSERT_FALSE(bool(cache.store(makeKey('0'), {"not a bundle", ""})));
  auto found = cache.lookUp(makeKey('0'));
  ASSERT_TRUE(bool(found));
  EXPECT_FALSE(found->has_value());
}

TEST_F(CacheTest, KeysTellOptionsApart) {
  mlir::mqa::CompileOptions options;
  auto key = [&](llvm::StringRef text = "text") {
    return llvm::cantFail(mlir::mqa::getCacheKey(text, options));
  };
  std::string first = key();
  EXPECT_EQ(key(), first);
  EXPECT_NE(key("text "), first);
  options.schedule = "fast";
  EXPECT_NE(key(), first);
  options.schedule = "";
  options.target = "cpu";
  EXPECT_NE(key(), first);
}

//===----------------------------------------------------------------------===//
// Many
//===----------------------------------------------------------------------===//

TEST_F(CacheTest, ManyProcesses) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    pid_t child = fork();
    if (!child) {
      std::string first = compile().bundle(), second = compile().bundle();
      _exit(first == second && !first.empty() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(listFiles().size(), 1u) << "nothing temporary is left";
}

TEST_F(CacheTest, ManyAtOnce) {
  std::vector<std::string> bundles(8);
  std::vector<std::thread> threads;
  for (std::string &bundle : bundles)
    threads.emplace_back([&] { bundle = compile().bundle(); });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &bundle : bundles)
    EXPECT_EQ(bundle, bundles[0]);
  EXPECT_EQ(listFiles().size(), 1u) << "nothing temporary is left";
}
