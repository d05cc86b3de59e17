// One visitor made of lambdas. There is never a catch-all among them: a new alternative must fail to compile.
#pragma once

namespace luthier {

template <class... Handlers>
struct overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
overloaded(Handlers...) -> overloaded<Handlers...>;

}  // namespace luthier
