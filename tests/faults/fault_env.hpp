// A FaultDisk as RocksDB's environment. Threads and clocks stay the machine's own; a log opened with background_work = false
// uses neither.
#pragma once

#include <memory>

#include "tests/faults/fault_disk.hpp"

namespace rocksdb {
class Env;
}

namespace luthier::faults {

class FaultEnv {
 public:
  FaultEnv();
  ~FaultEnv();  // after every database that uses it
  rocksdb::Env* env() { return env_.get(); }
  FaultDisk& disk() { return disk_; }

 private:
  FaultDisk disk_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace luthier::faults
