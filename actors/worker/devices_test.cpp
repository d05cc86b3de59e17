#include "actors/worker/devices.hpp"

#include <catch2/catch.hpp>

#include "actors/worker/scratch_test.hpp"

namespace luthier::worker {

TEST_CASE("a CPU is described by what the kernel says of it") {
  const auto cpu = describe_cpu("processor\t: 0\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu avx2 fma avx512f avx512bw avx512cd avx512dq avx512vl avx512_bf16\n");
  CHECK(cpu.model == "AMD EPYC 9R14");
  CHECK(cpu.instruction_set == "avx512_bf16");
  CHECK(describe_cpu("flags : avx512f avx512bw avx512cd avx512dq avx512vl avx2 fma").instruction_set == "avx512");
  CHECK(describe_cpu("flags : avx512f avx2 fma").instruction_set == "avx2");
  CHECK(describe_cpu("flags : fpu sse2").instruction_set == "x86-64");
  CHECK(describe_cpu("").model == "unknown CPU");
}

TEST_CASE("memory is what the machine has, or less by the control groups") {
  CHECK(memory_total("MemTotal:       1024 kB\nMemFree: 3 kB\n") == 1024 * 1024);
  CHECK_FALSE(memory_total("nothing"));
  Scratch scratch;
  scratch.write("a/memory.max", "5000\n");
  scratch.write("a/b/memory.max", "max\n");
  scratch.write("a/b/c/memory.max", "9000\n");
  CHECK(memory_limit("0::/a/b/c\n", scratch.root) == 5000);
  CHECK(memory_limit("0::/a/b\n", scratch.root) == 5000);
  CHECK_FALSE(memory_limit("0::/elsewhere\n", scratch.root));
  CHECK_FALSE(memory_limit("", scratch.root));
  scratch.write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK_FALSE(memory_limit("1:memory:/x\n", scratch.root));
  scratch.write("memory/memory.limit_in_bytes", "4096\n");
  CHECK(memory_limit("1:memory:/x\n", scratch.root) == 4096);
}

TEST_CASE("this machine has its CPU as a device") {
  const auto devices = find_devices();
  REQUIRE(devices.size() == 1);
  CHECK(devices[0].id == "cpu");
  CHECK(devices[0].cores >= 1);
  CHECK(devices[0].memory_bytes > (64 << 20));
}

}  // namespace luthier::worker
