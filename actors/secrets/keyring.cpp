#include "actors/secrets/keyring.hpp"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <sstream>

#include "events/base/file.hpp"

namespace luthier::secrets {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<unsigned char>;

constexpr std::size_t key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t key_file_bytes_max = 4096;

Bytes random_bytes(std::size_t count) {
  Bytes bytes(count);
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

std::string hex(const Bytes& bytes) {
  std::string text(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.pop_back();
  return text;
}

std::optional<Bytes> from_hex(const std::string& text) {
  Bytes bytes(text.size() / 2);
  std::size_t size = 0;
  if (text.size() % 2 != 0 || sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr) != 0 || size != bytes.size())
    return std::nullopt;
  return bytes;
}

std::string base64(const Bytes& bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // its NUL
  return text;
}

std::optional<Bytes> from_base64(const std::string& text) {
  Bytes bytes(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

// nonce, cipher text, tag
Bytes encrypt(const unsigned char* plain, std::size_t size, const std::string& bound_to, const Bytes& key) {
  Bytes sealed = random_bytes(nonce_bytes);
  sealed.resize(nonce_bytes + size + tag_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + nonce_bytes, nullptr, plain, size,
                                             reinterpret_cast<const unsigned char*>(bound_to.data()), bound_to.size(), nullptr, sealed.data(), key.data());
  return sealed;
}

std::optional<Bytes> decrypt(const Bytes& sealed, const std::string& bound_to, const Bytes& key) {
  if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
  Bytes plain(sealed.size() - nonce_bytes - tag_bytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data() + nonce_bytes, sealed.size() - nonce_bytes,
                                                 reinterpret_cast<const unsigned char*>(bound_to.data()), bound_to.size(), sealed.data(), key.data()) != 0)
    return std::nullopt;
  return plain;
}

bool is_key_id(const std::string& text) { return text.size() == 32 && from_hex(text); }

Error damaged(const fs::path& file) {
  return {ErrorCode::corrupt, file.string() + " is not what was written: secrets cannot be read; put the file back from a backup", ""};
}

}  // namespace

Keyring::Keyring(fs::path directory) : directory_(std::move(directory)) {}
Keyring::Keyring(Keyring&& other) noexcept
    : directory_(std::move(other.directory_)), box_public_(std::move(other.box_public_)), box_secret_(std::move(other.box_secret_)),
      masters_(std::move(other.masters_)) {}

Keyring::~Keyring() {
  sodium_memzero(box_secret_.data(), box_secret_.size());
  for (auto& master : masters_) sodium_memzero(master.key.data(), master.key.size());
}

Result<Keyring> Keyring::open(const fs::path& directory) {
  if (sodium_init() < 0) return Error{ErrorCode::internal, "libsodium cannot be initialised", ""};
  std::error_code failed;
  fs::create_directories(directory / "secrets", failed);
  if (failed) return file_error(directory / "secrets", failed.value());
  fs::permissions(directory / "secrets", fs::perms::owner_all, failed);
  Keyring keyring(directory);
  if (auto loaded = keyring.load_box_key(); !loaded) return loaded.error();
  if (auto loaded = keyring.load_masters(); !loaded) return loaded.error();
  return keyring;
}

Result<void> Keyring::load_box_key() {
  const auto file = directory_ / "box.key";
  box_public_.resize(crypto_box_PUBLICKEYBYTES);
  box_secret_.resize(crypto_box_SECRETKEYBYTES);
  const auto text = read_text(file, key_file_bytes_max);
  if (!text && text.error().code != ErrorCode::not_found) return text.error();
  if (!text) {
    crypto_box_keypair(box_public_.data(), box_secret_.data());
    return write_file_durably(file, hex(box_secret_) + "\n", 0600);
  }
  const auto secret = from_hex(text->substr(0, text->find('\n')));
  if (!secret || secret->size() != box_secret_.size()) return damaged(file);
  box_secret_ = *secret;
  crypto_scalarmult_base(box_public_.data(), box_secret_.data());
  return {};
}

Result<void> Keyring::load_masters() {
  const auto file = directory_ / "master.key";
  const auto text = read_text(file, key_file_bytes_max);
  if (!text && text.error().code != ErrorCode::not_found) return text.error();
  if (!text) {
    masters_ = {{hex(random_bytes(8)), random_bytes(key_bytes)}};
    return write_masters(masters_);
  }
  std::istringstream lines(*text);
  for (std::string id, key; lines >> id >> key;) {
    auto bytes = from_hex(key);
    if (!bytes || bytes->size() != key_bytes) return damaged(file);
    masters_.push_back({id, std::move(*bytes)});
  }
  if (masters_.empty()) return damaged(file);
  return {};
}

Result<void> Keyring::write_masters(const std::vector<Master>& masters) const {
  std::string text;
  for (const auto& master : masters) text += master.id + " " + hex(master.key) + "\n";
  return write_file_durably(directory_ / "master.key", text, 0600);
}

fs::path Keyring::file_of(const std::string& key_id) const { return directory_ / "secrets" / key_id; }

Result<void> Keyring::write_key(const std::string& key_id, const Bytes& key, const Master& master) const {
  return write_file_durably(file_of(key_id), master.id + " " + base64(encrypt(key.data(), key.size(), key_id, master.key)) + "\n", 0600);
}

Result<Bytes> Keyring::read_key(const std::string& key_id) const {
  if (!is_key_id(key_id)) return Error{ErrorCode::corrupt, "the secret names a key that cannot be one", ""};
  const auto text = read_text(file_of(key_id), key_file_bytes_max);
  if (!text) {
    if (text.error().code == ErrorCode::not_found) return Error{ErrorCode::not_found, "the key of this secret has been destroyed; give it a value again", ""};
    return text.error();
  }
  std::istringstream line(*text);
  std::string id, sealed;
  line >> id >> sealed;
  const auto bytes = from_base64(sealed);
  for (const auto& master : masters_)
    if (master.id == id && bytes)
      if (auto key = decrypt(*bytes, key_id, master.key); key && key->size() == key_bytes) return std::move(*key);
  return damaged(file_of(key_id));
}

std::string Keyring::public_key() const { return base64(box_public_); }

std::string Keyring::box(const std::string& value) const {
  Bytes boxed(value.size() + crypto_box_SEALBYTES);
  crypto_box_seal(boxed.data(), reinterpret_cast<const unsigned char*>(value.data()), value.size(), box_public_.data());
  return base64(boxed);
}

Result<std::string> Keyring::open_box(const std::string& box) const {
  if (box.size() > (value_bytes_max + crypto_box_SEALBYTES) / 3 * 4 + 8)
    return Error{ErrorCode::limit, "a secret's value has at most " + std::to_string(value_bytes_max) + " bytes", "data.box"};
  const auto bytes = from_base64(box);
  if (!bytes || bytes->size() < crypto_box_SEALBYTES) return invalid("data.box: is no sealed box in base64", "data.box");
  std::string value(bytes->size() - crypto_box_SEALBYTES, '\0');
  if (crypto_box_seal_open(reinterpret_cast<unsigned char*>(value.data()), bytes->data(), bytes->size(), box_public_.data(), box_secret_.data()) != 0)
    return invalid("data.box: was not made for this server; its public key is in the status of the server", "data.box");
  if (value.empty()) return invalid("data.box: the value is empty", "data.box");
  return value;
}

Result<events::SealedValue> Keyring::seal(const std::string& value, const std::string& owner) {
  const std::lock_guard lock(mutex_);
  Bytes key = random_bytes(key_bytes);
  const std::string key_id = hex(random_bytes(16));
  if (auto written = write_key(key_id, key, masters_.back()); !written) return with_context(written.error(), "keeping the key of a secret");
  events::SealedValue sealed{key_id, base64(encrypt(reinterpret_cast<const unsigned char*>(value.data()), value.size(), owner, key))};
  sodium_memzero(key.data(), key.size());
  return sealed;
}

Result<std::string> Keyring::open_value(const events::SealedValue& sealed, const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  auto key = read_key(sealed.key_id);
  if (!key) return key.error();
  const auto cipher = from_base64(sealed.cipher);
  const auto value = cipher ? decrypt(*cipher, owner, *key) : std::nullopt;
  sodium_memzero(key->data(), key->size());
  if (!value) return Error{ErrorCode::corrupt, "the value of secret " + owner + " is not what was sealed", ""};
  return std::string(value->begin(), value->end());
}

Result<std::size_t> Keyring::destroy_all_but(const std::set<std::string>& key_ids, std::chrono::seconds spared) {
  const std::lock_guard lock(mutex_);
  std::size_t destroyed = 0;
  std::error_code failed;
  const auto young = fs::file_time_type::clock::now() - spared;
  for (const auto& entry : fs::directory_iterator(directory_ / "secrets", failed)) {
    const auto name = entry.path().filename().string();
    if (!is_key_id(name) || key_ids.contains(name)) continue;
    const auto written = entry.last_write_time(failed);
    if (failed || written > young) continue;
    if (fs::remove(entry.path(), failed)) ++destroyed;
  }
  if (failed) return file_error(directory_ / "secrets", failed.value());
  if (destroyed > 0)
    if (auto synced = sync_directory(directory_ / "secrets"); !synced) return synced.error();
  return destroyed;
}

Result<std::size_t> Keyring::rotate() {
  const std::lock_guard lock(mutex_);
  auto masters = masters_;
  masters.push_back({hex(random_bytes(8)), random_bytes(key_bytes)});
  if (auto written = write_masters(masters); !written) return written.error();  // both are known from here on
  masters_ = masters;
  std::size_t count = 0;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory_ / "secrets", failed)) {
    const auto id = entry.path().filename().string();
    if (!is_key_id(id)) continue;
    auto key = read_key(id);
    if (!key) return key.error();
    auto written = write_key(id, *key, masters_.back());
    sodium_memzero(key->data(), key->size());
    if (!written) return written.error();
    ++count;
  }
  if (failed) return file_error(directory_ / "secrets", failed.value());
  masters_ = {masters_.back()};
  if (auto written = write_masters(masters_); !written) return written.error();
  return count;
}

}  // namespace luthier::secrets
