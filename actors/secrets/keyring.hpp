// The keys behind secrets: in a directory of the server, each file with mode 0600.
//
//   box.key           the key pair of boxes
//   master.key        master keys, a line each: "<id> <hex>"; the last one is used, the others while a rotation has not ended
//   secrets/<id>      the key of one value, encrypted: "<master id> <base64>"
//
// Every file appears whole or not at all. Any thread may call.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "events/secret/events.hpp"

namespace luthier::secrets {

inline constexpr std::size_t value_bytes_max = 64 * 1024;

class Keyring {
 public:
  // Makes what is not there. corrupt: a key file that is not what was written, and what then cannot be read.
  static Result<Keyring> open(const std::filesystem::path& directory);
  Keyring(Keyring&& other) noexcept;
  ~Keyring();

  std::string public_key() const;                        // base64
  std::string box(const std::string& value) const;       // base64; what a client does with the public key
  Result<std::string> open_box(const std::string& box) const;

  // `owner`: "workspace/name"; a cipher text moved to another secret does not open there.
  Result<events::SealedValue> seal(const std::string& value, const std::string& owner);
  // not_found: its key has been destroyed. corrupt: not what was sealed, or for another owner.
  Result<std::string> open_value(const events::SealedValue& sealed, const std::string& owner) const;

  // Destroys the keys of values that nobody has, except those made within `spared` (whose command may still be on its way).
  Result<std::size_t> destroy_all_but(const std::set<std::string>& key_ids, std::chrono::seconds spared);
  // A new master key for all; the old one is forgotten. The number of values that were re-encrypted. Safe to repeat after a crash.
  Result<std::size_t> rotate();

 private:
  using Bytes = std::vector<unsigned char>;
  struct Master {
    std::string id;
    Bytes key;
  };
  explicit Keyring(std::filesystem::path directory);
  Result<void> load_box_key();
  Result<void> load_masters();
  Result<void> write_masters(const std::vector<Master>& masters) const;
  std::filesystem::path file_of(const std::string& key_id) const;
  Result<void> write_key(const std::string& key_id, const Bytes& key, const Master& master) const;
  Result<Bytes> read_key(const std::string& key_id) const;

  std::filesystem::path directory_;
  Bytes box_public_, box_secret_;
  std::vector<Master> masters_;
  mutable std::mutex mutex_;
};

}  // namespace luthier::secrets
