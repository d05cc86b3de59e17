#include "actors/hub/get.hpp"

#include <optional>

#include "actors/hub/retries.hpp"

namespace luthier::hub {
namespace {

constexpr int redirects_max = 10;

Result<void> go_where(const Head& head, Request& request) {
  const auto location = head.find("Location");
  auto next = resolve(request.url, location);
  if (location.empty() || !next)
    return Error{ErrorCode::unavailable, request.url.authority() + " redirects to nowhere", {}};
  if (request.url.is_tls() && !next->is_tls())
    return Error{ErrorCode::unavailable,
                 request.url.authority() + " redirects to " + next->origin() + ", which is not encrypted: it is not followed",
                 {}};
  if (!next->has_origin_of(request.url)) request.credentials.clear();
  request.url = std::move(*next);
  return {};
}

}  // namespace

bool is_redirect(const Head& head) {
  return head.status == 301 || head.status == 302 || head.status == 303 || head.status == 307 || head.status == 308;
}

Result<Head> follow(Request request, const Pace& pace, const Transfer& transfer, const Reception& reception) {
  const auto first = request.url.authority();
  for (int redirects = 0; redirects <= redirects_max; ++redirects) {
    bool is_redirected = false;
    auto head = exchange(request, pace, transfer,
                         {[&](const Head& head) -> Result<bool> {
                            auto wanted = reception.head(head);
                            is_redirected = wanted && *wanted && is_redirect(head);
                            if (is_redirected) return false;
                            return wanted;
                          },
                          reception.bytes});
    if (!head || !is_redirected) return head;
    if (auto next = go_where(*head, request); !next) return next.error();
  }
  return Error{ErrorCode::unavailable, first + " redirects in circles", {}};
}

Result<Page> get_page(const Request& request, std::size_t bytes_max, const Transfer& transfer, Redirects redirects) {
  const Pace pace{transfer.read_timeout, transfer.bytes_per_second_min, transfer.answer_timeout};
  Retries retries(transfer);
  while (true) {
    Page page;
    page.url = request.url;
    const Reception reception{[&](const Head& head) -> Result<bool> {
                                if (is_redirect(head) && redirects == Redirects::followed)
                                  if (auto next = resolve(page.url, head.find("Location"))) page.url = std::move(*next);
                                return true;
                              },
                              [&](std::string_view bytes) -> Result<void> {
                                if (page.body.size() + bytes.size() > bytes_max)
                                  return Error{
                                      ErrorCode::limit,
                                      request.url.authority() + " answers with more than " + std::to_string(bytes_max >> 20) + " MiB",
                                      "bytes"};
                                page.body += bytes;
                                return {};
                              }};
    auto head =
        redirects == Redirects::followed ? follow(request, pace, transfer, reception) : exchange(request, pace, transfer, reception);
    std::optional<Error> error;
    if (!head) {
      error = head.error();
    } else if (may_pass(head->status)) {
      error = unexpected_status(request.url, head->status, "reading " + request.url.target.substr(0, request.url.target.find('?')));
      retries.not_before(asked_wait(*head));
    }
    if (!error) {
      page.head = std::move(*head);
      return page;
    }
    if (!retries.may_go_on(*error)) return *error;
  }
}

Error unexpected_status(const Url& url, int status, const std::string& doing) {
  std::string advice;
  if (status == 429) advice = ": it wants fewer requests; try again later, or with a token";
  if (may_pass(status) && advice.empty()) advice = ": try again later";
  return {may_pass(status) ? ErrorCode::unavailable : ErrorCode::invalid,
          url.authority() + " answers " + std::to_string(status) + " to " + doing + advice,
          {}};
}

}  // namespace luthier::hub
