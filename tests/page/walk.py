"""Walks through the page like somebody who uses it: by hand, by keyboard, and with a second client changing things meanwhile.

Each function whose name begins with `walk_` is one walk, `locked_` one with authentication on. `run` starts the servers.
"""

import argparse
import inspect
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

from chromium import Page, PageError, chromium

HERE = pathlib.Path(__file__).parent
CHECKS = (HERE / "checks.js").read_text()
SOURCES = HERE.parents[1] / "actors/page"
VIEWS = {"workspaces": "Workspaces", "models": "Models", "jobs": "Jobs", "deployments": "Deployments", "events": "Events", "audit": "Audit"}


class Server:
    """Plain HTTP beside the page: the second client, and the witness."""

    def __init__(self, url, token=""):
        self.url, self.token = url, token

    def ask(self, method, path, body=None, expected=200, headers=()):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(), headers=dict(headers))
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text, self.headers = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            status, text, self.headers = error.code, error.read(), error.headers
        allowed = (expected,) if isinstance(expected, int) else expected
        assert status in allowed, f"{method} {path}: {status}: {text[:500]!r}"
        return text

    def json(self, method, path, body=None, expected=200):
        return json.loads(self.ask(method, path, body, expected))

    def adapter(self, name):
        return self.json("GET", f"/apis/models/v2/workspaces/default/adapters/{name}")

    def set_adapter(self, name, enabled):
        self.json("PATCH", f"/apis/models/v2/workspaces/default/adapters/{name}", {"enabled": enabled})


def is_true(what, sentence):
    if not what:
        raise PageError(sentence)


def same(a, b, what):
    is_true(a == b, f"{what}: {short(a)} instead of {short(b)}")


def short(value, most=2_000):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def visit(page, server, view, ready="document.querySelector('#main h1') && !document.querySelector('#main [aria-busy=true]')"):
    # Over an empty page: another address after '#' alone would not open it anew.
    page.go("about:blank")
    page.wait("document.URL === 'about:blank'")
    page.go(f"{server.url}/#/{view}")
    page.wait(ready, what=f"the view {view}")
    page.wait("document.querySelector('.head-live .mark')?.textContent === 'live'", what="the connection is live")


# ---------------------------------------------------------------------------------------------------------------- HTTP


def walk_the_root_is_a_page_for_browsers_and_ok_for_others(page, server, pictures):
    same(server.ask("GET", "/"), b"OK", "GET / of a program")
    text = server.ask("GET", "/", headers={"Accept": "text/html,application/xhtml+xml"})
    same(text, (SOURCES / "index.html").read_bytes(), "the page")
    policy, etag = server.headers["Content-Security-Policy"], server.headers["ETag"]
    is_true("default-src 'none'" in policy and "unsafe" not in policy, f"a strict policy is expected, not {policy}")
    server.ask("GET", "/", headers={"Accept": "text/html", "If-None-Match": etag}, expected=304)
    size = len(text)
    for file in [SOURCES / "style.css", *sorted((SOURCES / "app").glob("*.js"))]:
        part = server.ask("GET", f"/page/{file.relative_to(SOURCES)}")
        same(part, file.read_bytes(), f"{file.name} as it is embedded")
        size += len(part)
    is_true(size < 120_000, f"the page has {size} bytes")
    server.ask("GET", "/page/app/nothing.js", expected=404)
    server.ask("GET", "/page/%2e%2e/secret", expected=404)


def walk_the_log_can_be_read_in_both_directions_and_followed(page, server, pictures):
    newest = server.json("GET", "/luthier/v1/log?limit=5")
    same([event["position"] for event in newest["items"]], list(range(newest["head"] - 4, newest["head"] + 1)), "the newest events")
    before = server.json("GET", f"/luthier/v1/log?limit=5&before={newest['earlier']}")
    same(before["items"][-1]["position"], newest["items"][0]["position"] - 1, "what comes before them")
    same(server.json("GET", "/luthier/v1/log?from=1&limit=3")["items"][0]["position"], 1, "the first event")
    of_jobs = server.json("GET", "/luthier/v1/log?entity=job&name=first-job")["items"]
    is_true(of_jobs and all("/jobs/first-job" in event["source"] for event in of_jobs), "the events of one job")
    server.ask("GET", "/luthier/v1/log?limit=0", expected=422)

    request = urllib.request.Request(f"{server.url}/luthier/v1/events", headers={"Last-Event-ID": str(newest["head"] - 2)})
    with urllib.request.urlopen(request, timeout=20) as stream:
        same(stream.headers["Content-Type"], "text/event-stream", "the type of the stream")
        ids = []
        while len(ids) < 3:
            line = stream.readline().decode().strip()
            if line.startswith("id: "):
                ids.append(int(line[4:]))
        same(ids, [newest["head"] - 2, newest["head"] - 1, newest["head"]], "a stream that is resumed goes on where it was")


def walk_past_states_are_bounded_by_the_log(page, server, pictures):
    head = server.json("GET", "/luthier/v1/log?limit=1")["head"]
    now, then = server.json("GET", "/luthier/v1/state/adapter/default"), server.json("GET", f"/luthier/v1/state/adapter/-?at={head}")
    same([row["name"] for row in now["items"]], [row["name"] for row in then["items"]], "the present, asked for as a past")
    same(server.json("GET", "/luthier/v1/state/model/default?at=0")["items"], [], "before the first event")
    server.ask("GET", f"/luthier/v1/state/model/default?at={head + 100000}", expected=(400, 422))
    server.ask("GET", "/luthier/v1/state/secret/default", expected=404)


# --------------------------------------------------------------------------------------------------------------- views


def walk_every_view_shows_what_is_there(page, server, pictures):
    for view, title in VIEWS.items():
        visit(page, server, view)
        same(page.run("document.querySelector('h1').textContent"), title, "the title")
        is_true(title in page.run("document.title"), "the window says where one is")
    visit(page, server, "workspaces")
    page.wait("document.querySelector('#main').innerText.includes('local')", what="the worker")
    visit(page, server, "models")
    text = page.run("document.querySelector('#main').innerText")
    for word in ("tiny", "fine", "by-hand", "llama", "rank 4", "loaded in serving"):
        is_true(word in text, f"{word} is not among the models: {text}")
    visit(page, server, "jobs")
    page.wait("document.querySelectorAll('#main tbody tr').length >= 2", what="the jobs")
    text = page.run("document.querySelector('#main').innerText")
    is_true("completed" in text, "the job has completed")
    analyses = server.json("GET", "/apis/jobs/v2/workspaces/default/jobs?filter[source]=models-system")["data"]
    is_true(analyses and analyses[0]["status"] == "completed", "the checkpoint was analysed")
    is_true("models-system" not in text, "an analysis that went well is no line of its own")
    visit(page, server, f"jobs/default/{analyses[0]['name']}")
    page.wait("document.querySelector('#main').innerText.includes('model-spec-analysis')", what="the step of the analysis")
    visit(page, server, "deployments")
    page.wait("document.querySelector('#question')", what="the desk")
    visit(page, server, "events")
    page.wait("document.querySelectorAll('.events tbody tr').length >= 20", what="events")


def walk_only_this_server_is_asked_and_nothing_complains(page, server, pictures):
    for view in VIEWS:
        visit(page, server, view)
    visit(page, server, "jobs/default/first-job")
    foreign = [url for url in page.requests() if not url.startswith((server.url, "data:", "about:"))]
    same(foreign, [], "requests to others")


def walk_the_page_is_good_for_everybody(page, server, pictures):
    found = []
    for width in (1280, 360, 1600):
        for scheme in ("light", "dark"):
            page.size(width, 900)
            page.media(prefers_color_scheme=scheme)
            for view in [*VIEWS, "jobs/default/first-job"]:
                visit(page, server, view)
                found += [f"{view}, {width} wide, {scheme}: {problem}" for problem in sorted(set(page.run(CHECKS)))]
    same(found, [], "problems")
    # And the checks notice.
    worse = "document.querySelector('h1').style.color = 'var(--rule)', document.querySelector('#theme').removeAttribute('aria-label'), document.querySelector('#theme').removeAttribute('title')"
    is_true(len(page.run(f"({worse}, {CHECKS})")) >= 2, "what is bad on purpose is found")


def walk_nothing_moves_for_who_wants_it_still(page, server, pictures):
    page.media(prefers_reduced_motion="reduce")
    visit(page, server, "models")
    page.run("document.querySelector('#main').append(Object.assign(document.createElement('span'), {className: 'mark mark-work'}))")
    same(page.run("document.getAnimations().length"), 0, "animations")


# -------------------------------------------------------------------------------------------------------- what changes


def walk_a_switch_turns_an_adapter_off_and_on(page, server, pictures):
    server.set_adapter("fine", True)
    visit(page, server, "models")
    switch = "[role=switch][aria-label*=\"default/fine\"]"
    page.wait("document.querySelector(s)?.getAttribute('aria-checked') === 'true'", s=switch)
    page.click(switch)
    page.wait("document.querySelector(s).getAttribute('aria-checked') === 'false' && !document.querySelector(s).hasAttribute('aria-busy')", s=switch, what="the switch is off")
    same(server.adapter("fine")["enabled"], False, "the adapter over HTTP")
    page.wait("document.querySelector('#say').textContent.includes('off')", what="it is said")
    page.run("document.querySelector(s).focus()", s=switch)
    page.press(" ")
    page.wait("document.querySelector(s).getAttribute('aria-checked') === 'true' && !document.querySelector(s).hasAttribute('aria-busy')", s=switch, what="the switch is on")
    same(server.adapter("fine")["enabled"], True, "the adapter over HTTP")
    same(page.run("document.activeElement === document.querySelector(s)", s=switch), True, "the switch keeps the focus")


def walk_what_another_client_does_appears_by_itself(page, server, pictures):
    visit(page, server, "models")
    page.run("window.isTheSame = true")
    switch = "[role=switch][aria-label*=\"default/by-hand\"]"
    for enabled in (False, True):
        server.set_adapter("by-hand", enabled)
        page.wait("document.querySelector(s)?.getAttribute('aria-checked') === wanted", s=switch, wanted=str(enabled).lower(), seconds=5)
    page.wait("document.querySelector('#main').innerText.includes('by-hand')")
    server.json("POST", "/apis/entities/v2/workspaces", {"name": "newly-made"}, 201)
    page.run("location.hash = '#/workspaces'")
    page.wait("document.querySelector('#main').innerText.includes('newly-made')", seconds=5)
    server.json("DELETE", "/apis/entities/v2/workspaces/newly-made")
    page.wait("!document.querySelector('#main').innerText.includes('newly-made')", seconds=5)
    same(page.run("window.isTheSame"), True, "the page was not loaded again")


def walk_a_lost_connection_is_said_and_made_good(page, server, pictures):
    visit(page, server, "models")
    page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    # What is open stays open in Chromium: a stream is cut only when its answer ends. So the page is told to ask anew.
    switch = "[role=switch][aria-label*=\"default/by-hand\"]"
    page.click(switch)
    page.wait("document.querySelector('.trouble')?.textContent.includes('cannot be reached')", what="the refusal is shown")
    page.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page.click(switch)
    page.wait("document.querySelector(s).getAttribute('aria-checked') === 'false' && !document.querySelector('.trouble')", s=switch)
    server.set_adapter("by-hand", True)
    page.wait("document.querySelector(s).getAttribute('aria-checked') === 'true'", s=switch, seconds=10)


def walk_the_events_come_as_they_happen(page, server, pictures):
    visit(page, server, "events")
    page.wait("document.querySelectorAll('.events tbody tr').length > 5")
    before = page.run("document.querySelector('#position').textContent")
    server.set_adapter("fine", False)
    page.wait("document.querySelector('#position').textContent !== before", before=before, seconds=5)
    page.wait("[...document.querySelectorAll('.events .type')].slice(0, 6).some((cell) => cell.textContent === 'adapter disabled')", seconds=5, what="the event is on top")
    server.set_adapter("fine", True)
    page.run("(() => { const kind = document.querySelector('#kind'); kind.value = 'job'; kind.dispatchEvent(new Event('change')); })()")
    page.wait("(() => { const types = [...document.querySelectorAll('.events .type')].map((cell) => cell.textContent); return types.length && types.every((type) => type.startsWith('job')); })()", what="events of jobs alone")


def walk_the_past_can_be_looked_at(page, server, pictures):
    server.set_adapter("fine", True)
    on = server.json("GET", "/luthier/v1/log?limit=1")["head"]
    server.set_adapter("fine", False)
    off = server.json("GET", "/luthier/v1/log?entity=model&limit=1")["items"][0]["position"]
    server.set_adapter("fine", True)
    visit(page, server, "events")
    page.click("#at")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="a", code="KeyA", windowsVirtualKeyCode=65, modifiers=2, commands=["selectAll"])
    page.type(str(off))
    page.press("Enter")
    page.press("Tab")
    page.wait("document.querySelector('#main').innerText.includes('As it was at position')", what="the past is shown")
    page.click(".segments input[value=adapter]")
    page.wait("[...document.querySelectorAll('.past tbody tr')].some((row) => row.innerText.includes('fine') && row.innerText.includes('off') && row.innerText.includes('changed since'))", what="the adapter was off then")
    page.screenshot(pictures / "past.png")
    same(page.run("Math.max(...[...document.querySelectorAll('.events th.num')].slice(1).map((cell) => Number(cell.textContent.replace(/\\D/g, ''))))"), off, "the newest event of then")
    is_true(on < off, "time runs forward")
    page.click("#now")
    page.wait("!document.querySelector('#main').innerText.includes('As it was at position')", what="back to now")


def walk_a_curve_grows_and_can_be_read_by_pointer_and_keyboard(page, server, pictures):
    visit(page, server, "jobs/default/long-job")
    page.wait("document.querySelector('.chart svg[role=slider]')", seconds=60, what="the curve")
    svg = "document.querySelector('.chart svg')"
    last = int(page.run(f"{svg}.getAttribute('aria-valuemax')"))
    page.wait(f"Number({svg}.getAttribute('aria-valuemax')) > last", last=last, seconds=30, what="the curve grows by itself")
    page.wait("document.querySelectorAll('.chart tbody tr').length > 3", seconds=30, what="some points")
    page.run(f"{svg}.focus()")
    page.press("Home")
    page.wait(f"{svg}.getAttribute('aria-valuenow') === {svg}.getAttribute('aria-valuemin')", what="Home leads to the beginning")
    first = page.run(f"{svg}.getAttribute('aria-valuetext')")
    page.press("ArrowRight")
    page.wait(f"{svg}.getAttribute('aria-valuetext') !== first", first=first, what="an arrow leads on")
    said = page.run("document.querySelector('.chart-said').textContent")
    is_true("step" in said and "training" in said, f"a sentence is expected, not {said}")
    same(page.run(f"document.activeElement === {svg}"), True, "the curve keeps the focus while it grows")
    box = page.run(f"(() => {{ const r = {svg}.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }})()")
    page.hover(box[0] + box[2] - 100, box[1] + box[3] * 0.5)
    page.wait("document.querySelector('.chart-said').textContent !== said", said=said, what="the pointer moves the line")
    page.wait("document.querySelectorAll('.lines .line').length", what="lines of its log")
    page.screenshot(pictures / "curve.png")
    page.click(".key-scale input")
    page.wait("document.querySelector('.key-scale input').checked")
    page.screenshot(pictures / "curve-logarithmic.png", full=False)
    # And it can be ended from here.
    page.run("[...document.querySelectorAll('button')].find((button) => button.textContent === 'Cancel the job').click()")
    page.wait("document.querySelector('.readout .mark').textContent === 'cancelled'", seconds=30, what="the job is cancelled")
    same(server.json("GET", "/apis/jobs/v2/workspaces/default/jobs/long-job")["status"], "cancelled", "the job over HTTP")


def walk_base_and_adapters_answer_side_by_side(page, server, pictures):
    visit(page, server, "deployments")
    page.wait("document.querySelector('#question') && document.querySelectorAll('.voice input:enabled').length === 3", what="three voices")
    page.run("document.querySelector('#question').focus()")
    page.type("number 4")
    page.press("Enter", modifiers=2)
    page.wait("document.querySelectorAll('.answer').length === 3", what="three columns")
    page.wait("[...document.querySelectorAll('.answer')].every((answer) => answer.querySelector('.mark').textContent === 'complete')", seconds=60, what="all have answered")
    is_true(page.run("[...document.querySelectorAll('.answer-text')].every((text) => text.textContent.length > 0)"), "each has said something")
    page.screenshot(pictures / "compare.png")


def walk_an_answer_can_be_stopped(page, server, pictures):
    visit(page, server, "deployments")
    page.wait("document.querySelector('#question')")
    page.run("(() => { const length = document.querySelector('.desk-row input'); length.value = '400'; length.dispatchEvent(new Event('input')); })()")
    page.run("document.querySelector('#question').focus()")
    page.type("number 5")
    page.wait("!document.querySelector('.desk .main-button').disabled")
    page.click(".desk .main-button")
    # A tiny model may end by itself before anybody can stop it.
    page.wait("document.querySelector('.answer') && (!document.querySelector('#stop').disabled || [...document.querySelectorAll('.answer .mark')].every((mark) => mark.textContent === 'complete'))")
    page.run("document.querySelector('#stop').click()")
    page.wait("[...document.querySelectorAll('.answer .mark')].every((mark) => ['stopped', 'complete'].includes(mark.textContent)) && document.querySelector('#stop').disabled", what="stopped")


def walk_the_log_is_verified_on_demand(page, server, pictures):
    visit(page, server, "audit")
    page.click("#verify")
    page.wait("document.querySelector('#verdict .mark-good')?.textContent.startsWith('verified')", seconds=60, what="the log verifies")
    page.wait("document.querySelector('#say').textContent.includes('verifies')", what="it is said")
    head = server.json("GET", "/luthier/v1/audit")["head"]
    is_true(head["hash"][:8] in page.run("document.querySelector('.hash').textContent"), "the head's hash is shown")


# ------------------------------------------------------------------------------------------------------------ keyboard


def walk_everything_can_be_reached_by_keyboard(page, server, pictures):
    visit(page, server, "models")
    page.press("Tab")
    same(page.run("document.activeElement.className"), "skip", "the first stop")
    page.press("Enter")
    same(page.run("document.activeElement.id"), "main", "where the skip link leads")
    visit(page, server, "models")
    wanted = page.run("[...document.querySelectorAll('a[href], button:enabled, select, input, textarea, summary, [tabindex=\"0\"]')].filter((e) => e.checkVisibility()).length")
    reached, unseen = set(), []
    for _ in range(wanted + 5):
        page.press("Tab")
        at = page.run(
            "(() => { const e = document.activeElement; if (e === document.body) return null; const s = getComputedStyle(e);"
            " return [[...document.querySelectorAll('*')].indexOf(e), e.outerHTML.slice(0, 90), s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]; })()"
        )
        if at is None:
            continue
        reached.add(at[0])
        if not at[2]:
            unseen.append(at[1])
    same(unseen, [], "stops whose focus cannot be seen")
    same(len(reached), wanted, "stops")


def walk_a_new_view_takes_the_focus_to_its_title(page, server, pictures):
    visit(page, server, "models")
    page.run("document.querySelector('nav a[href=\"#/audit\"]').focus()")
    page.press("Enter")
    page.wait("document.activeElement.nodeName === 'H1' && document.activeElement.textContent === 'Audit'", what="the focus is at the title")
    same(page.run("document.querySelector('nav [aria-current=page]').textContent"), "Audit", "the nav says where one is")
    page.run("history.back()")
    page.wait("document.querySelector('h1').textContent === 'Models'", what="back")


def walk_light_and_dark_can_be_chosen(page, server, pictures):
    page.media(prefers_color_scheme="light")
    visit(page, server, "models")
    paper = page.run("getComputedStyle(document.body).backgroundColor")
    for wanted in ("light", "dark"):
        page.click("#theme")
        page.wait("document.documentElement.dataset.theme === wanted", wanted=wanted)
    is_true(page.run("getComputedStyle(document.body).backgroundColor") != paper, "dark is another paper")
    visit(page, server, "models")
    same(page.run("document.documentElement.dataset.theme"), "dark", "the choice is kept")
    page.click("#theme")
    page.wait("document.documentElement.dataset.theme === undefined")


# -------------------------------------------------------------------------------------------------------- small parts


def walk_the_small_parts_do_what_they_say(page, server, pictures):
    visit(page, server, "audit")
    cases = [
        ("(await import('/page/app/format.js')).duration(95)", "2\u202fmin"),
        ("(await import('/page/app/format.js')).duration(0.0042)", "4\u202fms"),
        ("(await import('/page/app/format.js')).count(134515008)", "135\u202fM"),
        ("(await import('/page/app/format.js')).bytes(1536)", "1.5\u202fKiB"),
        ("(await import('/page/app/format.js')).words('JobAttemptStarted')", "job attempt started"),
        ("(await import('/page/app/format.js')).moment('2026-02-09T22:12:45.5').toISOString()", "2026-02-09T22:12:45.500Z"),
        ("(await import('/page/app/chart.js')).ticks(0, 200, 8)", [0, 25, 50, 75, 100, 125, 150, 175, 200]),
        ("(await import('/page/app/chart.js')).ticks(1.23, 1.29, 5).length >= 3", True),
        ("(await import('/page/app/chart.js')).logTicks(0.4, 9)", [0.5, 1, 2, 5]),
        ("(await import('/page/app/chart.js')).logTicks(0.0001, 9)", [0.0001, 0.001, 0.01, 0.1, 1]),
        ("(await import('/page/app/chart.js')).nearest([{step: 1}, {step: 5}, {step: 9}], 6)", 1),
        ("(await import('/page/app/api.js')).path`/a/${'x y/z'}/b`", "/a/x%20y%2Fz/b"),
        # A stream in pieces that are cut anywhere gives the same events.
        (
            "(async () => { const { EventReader } = await import('/page/app/stream.js'); const text = ': here\\nid: 1\\r\\ndata: a\\r\\ndata: b\\r\\n\\r\\nevent: x\\ndata:c\\n\\nid: 7\\n\\n'; const all = [];"
            " for (let size = 1; size < 9; ++size) { const reader = new EventReader(); const found = []; for (let at = 0; at < text.length; at += size) found.push(...reader.take(text.slice(at, at + size))); all.push(JSON.stringify(found)); }"
            " return [new Set(all).size, JSON.parse(all[0])]; })()",
            [1, [{"id": "1", "data": "a\nb"}, {"event": "x", "data": "c"}, {"id": "7"}]],
        ),
        # Elements with keys are moved, not made anew, and what is typed stays; what goes before an element takes nothing from its focus.
        (
            "(async () => { const { h, show } = await import('/page/app/dom.js'); const place = document.createElement('div'); document.body.append(place);"
            " const list = (names, typed) => [names.map((key) => h('p', { key }, key)), h('input', { value: typed })];"
            " show(place, list(['a', 'b', 'c'], 'x')); const b = place.children[1]; const input = place.querySelector('input'); input.focus(); input.value = 'mine';"
            " show(place, list(['c', 'b', 'd', 'e'], 'y')); const first = [[...place.querySelectorAll('p')].map((p) => p.textContent).join(''), place.children[1] === b, place.querySelector('input').value];"
            " show(place, h('p', null, 'note'), h('div', null, h('button', null, 'x'))); const button = place.querySelector('button'); button.focus(); show(place, h('div', null, h('button', null, 'x')));"
            " const isHeld = document.activeElement === button; place.remove(); return [...first, isHeld]; })()",
            ["cbde", True, "mine", True],
        ),
        # Names come as text, whatever they look like.
        ("(async () => { const { h } = await import('/page/app/dom.js'); return h('p', { title: '<b>' }, '<img src=x onerror=alert(1)>').innerHTML; })()", "&lt;img src=x onerror=alert(1)&gt;"),
    ]
    for script, wanted in cases:
        same(page.run(script), wanted, script)


def walk_pictures_are_taken(page, server, pictures):
    shots = [(view, view, 1280, 900) for view in VIEWS] + [("job", "jobs/default/first-job", 1280, 900)]
    shots += [(f"narrow-{name}", view, 360, 740) for name, view, *_ in shots] + [("wide-models", "models", 1600, 1000), ("wide-job", "jobs/default/first-job", 1600, 1000)]
    for name, view, width, height in shots:
        for scheme in ("light", "dark"):
            if scheme == "dark" and width != 1280:
                continue
            page.size(width, height)
            page.media(prefers_color_scheme=scheme)
            visit(page, server, view)
            page.screenshot(pictures / f"{name}-{scheme}.png", full=view != "events")


# -------------------------------------------------------------------------------------------------------------- locked


def locked_the_page_asks_for_a_token_and_shows_what_its_owner_may_see(page, server, pictures, viewer, admin):
    chief = Server(server.url, admin)
    chief.json("POST", "/apis/entities/v2/workspaces", {"name": "hidden-team", "description": "not for Ada"}, (201, 409))
    page.go(server.url + "/#/models")
    page.wait("document.querySelector('dialog[open] input[name=token]')", what="the dialog")
    same(page.run("document.activeElement.name"), "token", "the focus is in the dialog")
    problems = page.run(CHECKS.replace("there is not exactly one h1", "there is not exactly one h1"))
    same([problem for problem in problems if "dialog" in problem or "contrast" in problem], [], "problems of the dialog")
    page.screenshot(pictures / "token.png", full=False)
    page.type("lth_wrong")
    page.press("Enter")
    page.wait("document.querySelector('dialog[open] .reason') && document.querySelector('dialog[open] input').value === ''", what="it asks again after a wrong one, and says why")
    page.run("document.querySelector('dialog input').focus()")
    page.type(viewer)
    page.press("Enter")
    page.wait("document.querySelector('#main').innerText.includes('tiny')", what="the models of workspace default")
    page.wait("document.querySelector('.head-live .mark').textContent === 'live'", what="the stream with the token")
    same(page.run("sessionStorage.length > 0 && !JSON.stringify(localStorage).includes('lth_')"), True, "the token is in the session alone")

    page.run("location.hash = '#/workspaces'")
    page.wait("document.querySelector('#main').innerText.includes('default')")
    is_true("hidden-team" not in page.run("document.body.innerText"), "a hidden workspace is not listed")
    page.run("location.hash = '#/events'")
    page.wait("document.querySelectorAll('.events tbody tr').length > 5")
    chief.json("PUT", "/apis/entities/v2/workspaces/hidden-team", {"description": "changed"})
    time.sleep(1.0)
    is_true("hidden-team" not in page.run("document.body.innerText"), "nor are its events")
    ada = Server(server.url, viewer)
    same([event for event in ada.json("GET", "/luthier/v1/log?limit=1000")["items"] if "hidden-team" in json.dumps(event)], [], "its events in the log")
    is_true([event for event in chief.json("GET", "/luthier/v1/log?limit=1000")["items"] if "hidden-team" in json.dumps(event)], "who may read it has them")
    ada.ask("GET", "/luthier/v1/state/model/hidden-team", expected=404)
    ada.ask("GET", "/luthier/v1/log?workspace=hidden-team", expected=404)
    ada.ask("GET", "/luthier/v1/events?workspace=hidden-team", expected=404)
    same([row["name"] for row in ada.json("GET", "/luthier/v1/state/workspace/system?at=" + str(ada.json("GET", "/luthier/v1/log?limit=1")["head"]))["items"] if row["name"] == "hidden-team"], [], "its row in the past")

    page.run("location.hash = '#/models'")
    switch = "[role=switch][aria-label*=\"default/fine\"]"
    page.wait("document.querySelector(s)", s=switch)
    before = chief.adapter("fine")["enabled"]
    page.click(switch)
    page.wait("document.querySelector('.trouble')", what="a viewer may not, and is told so")
    same(chief.adapter("fine")["enabled"], before, "nothing has changed")
    ada.ask("POST", "/luthier/v1/audit/verify", expected=403)
    chief.ask("POST", "/luthier/v1/audit/verify", expected=202)
    Server(server.url).ask("GET", "/luthier/v1/log", expected=401)
    Server(server.url).ask("GET", "/luthier/v1/events", expected=401)


def run(walk, pipe, server, pictures, *more):
    page = Page(pipe)
    page.size(1280, 900)
    page.media(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    begun = time.monotonic()
    problem = None
    try:
        walk(page, server, pictures, *more)
        expected = ("401", "403", "state/worker/system", "net::ERR_INTERNET_DISCONNECTED") if more or "lost" in walk.__name__ else ()
        said = [text for text in page.complaints() if not any(word in text for word in expected)]
        same(said, [], "the console")
    except (PageError, AssertionError) as error:
        problem = str(error)
        page.screenshot(pictures / f"failed-{walk.__name__}.png", full=False)
    name = walk.__name__.split("_", 1)[1].replace("_", " ")
    print(f"{'FAILED' if problem else 'ok    '} {name} ({time.monotonic() - begun:.1f} s)" + (f"\n       {problem}" if problem else ""), flush=True)
    page.go("about:blank")
    return problem is None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--viewer", help="with authentication on: a token of somebody who may look at workspace default")
    parser.add_argument("--admin")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    kind = "locked_" if options.viewer else "walk_"
    more = (options.viewer, options.admin) if options.viewer else ()
    walks = [function for name, function in inspect.getmembers(sys.modules[__name__], inspect.isfunction) if name.startswith(kind)]
    walks.sort(key=lambda function: function.__code__.co_firstlineno)
    if options.names:
        walks = [walk for walk in walks if any(name.replace(" ", "_") in walk.__name__ for name in options.names)]
    with chromium() as pipe:
        results = [run(walk, pipe, Server(options.url.rstrip("/")), options.pictures, *more) for walk in walks]
    print(f"{sum(results)} of {len(results)} walks are well", flush=True)
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
