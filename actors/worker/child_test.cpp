#include "actors/worker/child.hpp"

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/worker/file_lock.hpp"
#include "actors/worker/line_reader.hpp"
#include "actors/worker/scratch_test.hpp"

namespace luthier::worker {
namespace {

using std::chrono::milliseconds;

struct Ran {
  ChildExit exit;
  std::vector<std::string> lines, log_lines;
};

Ran run(const Scratch& scratch, const std::string& body, StopSwitch& stop, std::size_t log_bytes_max = 1 << 20) {
  ChildSpec spec;
  spec.program = scratch.script("child", body);
  spec.arguments = {"child"};
  spec.log = scratch.root / "log";
  spec.log_bytes_max = log_bytes_max;
  Ran ran;
  const auto exit = run_child(spec, stop, {nullptr, [&](const std::string& line) { ran.lines.push_back(line); },
                                          [&](const std::string& line) { ran.log_lines.push_back(line); }});
  REQUIRE(exit);
  ran.exit = *exit;
  return ran;
}

}  // namespace

TEST_CASE("a child's lines, its log and its exit code are heard to the last") {
  Scratch scratch;
  StopSwitch stop;
  const auto ran = run(scratch, "echo one; echo two; echo oops >&2; printf three; exit 7", stop);
  CHECK(ran.lines == std::vector<std::string>{"one", "two", "three"});
  CHECK(ran.log_lines == std::vector<std::string>{"oops"});
  CHECK(ran.exit.code == 7);
  CHECK_FALSE(ran.exit.was_asked);
  CHECK(ran.exit.last_log_line == "oops");
  CHECK(scratch.read("log") == "oops\n");
}

TEST_CASE("a child that kills itself ends with its signal") {
  Scratch scratch;
  StopSwitch stop;
  const auto ran = run(scratch, "kill -9 $$", stop);
  CHECK(ran.exit.signal == 9);
  CHECK_FALSE(ran.exit.code);
}

TEST_CASE("a program that is not there ends with code 126") {
  Scratch scratch;
  StopSwitch stop;
  ChildSpec spec{(scratch.root / "nothing").string(), {"nothing"}, scratch.root / "log"};
  const auto exit = run_child(spec, stop, {nullptr, [](const std::string&) {}, [](const std::string&) {}});
  REQUIRE(exit);
  CHECK(exit->code == 126);
}

TEST_CASE("a stop is a chance to end in order, and then the end of the whole group") {
  Scratch scratch;
  StopSwitch stop;
  SECTION("one that obeys ends with its own code") {
    std::thread later([&] { eventually([&] { return std::filesystem::exists(scratch.root / "up"); }); stop.press(milliseconds(5000)); });
    const auto ran = run(scratch, "trap 'echo bye; exit 3' TERM; touch " + (scratch.root / "up").string() + "; while :; do sleep 0.05; done", stop);
    later.join();
    CHECK(ran.exit.code == 3);
    CHECK(ran.exit.was_asked);
    CHECK(ran.lines == std::vector<std::string>{"bye"});
  }
  SECTION("one that does not is killed, with those that it has started") {
    std::thread later([&] { eventually([&] { return !scratch.read("grandchild").empty(); }); stop.press(milliseconds(200)); });
    const auto ran = run(scratch, "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > " +
                                      (scratch.root / "grandchild").string() + "; while :; do sleep 1; done", stop);
    later.join();
    CHECK(ran.exit.signal == 9);
    const int grandchild = std::stoi(scratch.read("grandchild"));
    CHECK_FALSE(is_alive(grandchild));
  }
  SECTION("a shorter grace counts, and a longer one does not") {
    stop.press(milliseconds(60'000));
    stop.press(milliseconds(100));
    stop.press(milliseconds(60'000));
    const auto begun = std::chrono::steady_clock::now();
    run(scratch, "trap '' TERM; while :; do sleep 0.05; done", stop);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));
  }
}

TEST_CASE("what a child leaves behind when it ends by itself is killed too") {
  Scratch scratch;
  StopSwitch stop;
  const auto ran = run(scratch, "sleep 1000 & echo $!", stop);
  REQUIRE(ran.lines.size() == 1);
  CHECK_FALSE(is_alive(std::stoi(ran.lines[0])));
}

TEST_CASE("floods are bounded: long lines are cut, and the log has an end") {
  Scratch scratch;
  StopSwitch stop;
  const auto ran = run(scratch, "head -c 300000 /dev/zero | tr '\\0' x; echo; for i in $(seq 5000); do echo a line of the log >&2; done", stop, 2000);
  REQUIRE(ran.lines.size() == 1);
  CHECK(ran.lines[0].size() == 64 << 10);
  CHECK(ran.log_lines.size() == 5000);
  const auto log = scratch.read("log");
  CHECK(log.size() <= 2100);
  CHECK(log.find("the log is full") != std::string::npos);
}

TEST_CASE("no descriptor of ours reaches the child") {
  Scratch scratch;
  StopSwitch stop;
  std::ofstream open_file(scratch.root / "ours");
  const auto ran = run(scratch, "ls /proc/self/fd | wc -l", stop);
  REQUIRE(ran.lines.size() == 1);
  CHECK(std::stoi(ran.lines[0]) == 4);  // 0, 1, 2 and the one that ls reads with
}

TEST_CASE("a child dies with the process that runs it, even when that is killed") {
  Scratch scratch;
  const auto program = scratch.script("child", "echo $$ > " + (scratch.root / "pid").string() + "; exec sleep 1000");
  const pid_t parent = ::fork();
  if (parent == 0) {
    StopSwitch stop;
    ChildSpec spec{program.string(), {"child"}, scratch.root / "log"};
    (void)run_child(spec, stop, {nullptr, [](const std::string&) {}, [](const std::string&) {}});
    ::_exit(0);
  }
  REQUIRE(eventually([&] { return !scratch.read("pid").empty(); }));
  const int child = std::stoi(scratch.read("pid"));
  CHECK(is_alive(child));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  CHECK(eventually([&] { return !is_alive(child); }));
}

TEST_CASE("a lock is held until the last process that inherited it is gone") {
  Scratch scratch;
  const auto file = scratch.root / "lock";
  auto lock = FileLock::take(file);
  REQUIRE(lock);
  REQUIRE(*lock);
  CHECK_FALSE(FileLock::take(file)->has_value());

  ChildSpec spec;
  spec.program = scratch.script("child", "trap '' TERM; echo up; while [ ! -e " + (scratch.root / "go").string() + " ]; do sleep 0.05; done");
  spec.arguments = {"child"};
  spec.log = scratch.root / "log";
  spec.inherited_lock = (*lock)->descriptor();
  StopSwitch stop;
  std::atomic<bool> is_up = false;
  std::thread runner([&] {
    (void)run_child(spec, stop, {nullptr, [&](const std::string&) { is_up = true; }, [](const std::string&) {}});
  });
  REQUIRE(eventually([&] { return is_up.load(); }));
  lock->reset();  // we let go; the child still has it
  CHECK_FALSE(FileLock::take(file, milliseconds(100))->has_value());
  scratch.write("go", "");
  runner.join();
  CHECK(FileLock::take(file, milliseconds(2000))->has_value());
}

TEST_CASE("lines are cut out of whatever pieces come") {
  std::vector<std::string> lines;
  LineReader reader(5, [&](const std::string& line) { lines.push_back(line); });
  for (const std::string piece : {"a", "b\nc", "d\r\n\nlonger than five\nend"}) reader.feed(piece);
  reader.finish();
  reader.finish();
  CHECK(lines == std::vector<std::string>{"ab", "cd", "", "longe", "end"});
}

}  // namespace luthier::worker
