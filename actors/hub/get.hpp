// Requests as sources make them: redirects are followed, what may pass is tried again.
#pragma once

#include <functional>
#include <string>

#include "actors/hub/exchange.hpp"
#include "actors/hub/hub.hpp"

namespace luthier::hub {

// One try. `head` of the reception sees each answer's head; where it is a redirect, it is followed when that says true. Where a redirect
// leads away from the first origin, credentials stay behind for good; from https to http it is refused; there are at most ten.
Result<Head> follow(Request request, const Pace& pace, const Transfer& transfer, const Reception& reception);
bool is_redirect(const Head& head);

struct Page {
  Url url;  // where the answer came from in the end
  Head head;
  std::string body;
};

enum class Redirects { followed, not_followed };

// The whole answer, whatever its status is; limit: it is longer than `bytes_max`. unavailable: after all tries.
Result<Page> get_page(const Request& request, std::size_t bytes_max, const Transfer& transfer, Redirects redirects = Redirects::followed);

// "answered 503 after 5 tries": for statuses that sources do not know better.
Error unexpected_status(const Url& url, int status, const std::string& doing);

}  // namespace luthier::hub
