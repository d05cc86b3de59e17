// What control plane and workers say to each other over the bus: leases and beats.
#include "actors/worker/protocol.hpp"

#include "tests/fuzz/scratch.hpp"

using namespace luthier;

namespace {

template <class Message>
void check(const Result<Message>& read, Result<Message> (*decode)(const std::string&, const worker::ProtocolLimits&)) {
  if (!read) return fuzz::check_error(read.error().message);
  const std::string written = worker::encode(*read);
  const auto again = decode(written, {});
  if (!again) {
    std::fprintf(stderr, "written but not read: %s\n", again.error().message.c_str());
    std::abort();
  }
  if (worker::encode(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload(fuzz::text_of(data, size));
  check(worker::decode_lease(payload), worker::decode_lease);
  check(worker::decode_beat(payload), worker::decode_beat);
  return 0;
}
