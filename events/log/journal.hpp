// Checks a file in RocksDB's journal format (write-ahead log, MANIFEST) byte by byte, without RocksDB.
//
// RocksDB's own reading has holes that lose acknowledged events without a word, whatever its recovery mode: one flipped bit
// in a record's type byte makes it look like a leftover of a recycled file, and reading simply ends there; one in a length
// makes a record look torn. So both the start and the verifier look for themselves first.
#pragma once

#include <cstddef>
#include <string_view>

namespace luthier::log {

struct JournalState {
  enum Kind {
    clean,    // whole records up to the end
    torn,     // it ends in a record that is not whole: what a power cut leaves of a write that was not acknowledged
    damaged,  // there are whole records behind one that is not: bytes were changed
    disordered,  // an entry of a write-ahead log stands where another one must: it was copied or moved
  } kind = clean;
  std::size_t offset = 0;  // of the record in question
};

enum class JournalUse { write_ahead_log, manifest };

JournalState check_journal(std::string_view bytes, JournalUse use);

}  // namespace luthier::log
