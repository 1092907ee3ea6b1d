-- What wrk sends. The plan, a Lua file named by BENCH_PLAN, has method, path, headers and body. If `fixed`, every
-- request is that one; otherwise "@N@" in path and body becomes a number that no other request has. With `rows`, a file
-- of path, body and header value separated by tabs, each request takes the next row; the run ends when they are used
-- up, unless they may come `again`.
-- One thread only: counters are per thread.
local ffi = require("ffi")
ffi.cdef [[ typedef struct { long s; long us; } bench_time; int gettimeofday(bench_time *at, void *zone); ]]
local at = ffi.new("bench_time")
local function now() ffi.C.gettimeofday(at, nil); return tonumber(at.s) + tonumber(at.us) / 1e6 end

local plan = dofile(os.getenv("BENCH_PLAN"))
local connections = tonumber(os.getenv("BENCH_CONNECTIONS"))
local sent, rows, enough, threads = 0, nil, nil, {}
first, last, answered, sample = 0, 0, 0, ""

function setup(thread) table.insert(threads, thread) end

function init()
  if plan.fixed then plan.ready = wrk.format(plan.method, plan.path, plan.headers, plan.body) end
  if not plan.rows then return end
  rows = {}
  for line in io.lines(plan.rows) do
    local path, body, value = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = {}
    for k, v in pairs(plan.headers) do headers[k] = v end
    if value ~= "" then headers[plan.row_header] = value end
    if path == "" then path = plan.path end
    if body == "" then body = plan.body end
    rows[#rows + 1] = wrk.format(plan.method, path, headers, body)
  end
  -- A request that is still on its way when the run ends must have a row of its own, too.
  if not plan.again then enough = #rows - connections end
end

function request()
  if sent == 0 then first = now() end
  sent = sent + 1
  if plan.ready then return plan.ready end
  if rows then return plan.again and rows[(sent - 1) % #rows + 1] or rows[sent] or rows[#rows] end
  local number = plan.tag .. sent
  local body = plan.body and plan.body:gsub("@N@", number)
  return wrk.format(plan.method, (plan.path:gsub("@N@", number)), plan.headers, body)
end

-- Without this function wrk does not parse answers for Lua, which costs it half its speed. So only short runs and runs
-- of rows have it.
if plan.look or plan.rows then
  function response(status, _, body)
    answered = answered + 1
    if status >= 400 and sample == "" then sample = status .. " " .. body:sub(1, 300) end
    if enough then
      last = now()
      if answered >= enough then wrk.thread:stop() end
    end
  end
end

function done(summary, latency)
  local thread, seconds = threads[1], summary.duration / 1e6
  local from, to = thread:get("first"), thread:get("last")
  if to > from then seconds = to - from end
  local errors = summary.errors
  local form = '{"requests":%d,"seconds":%.4f,"p50":%.3f,"p99":%.3f,"bytes":%d,"refused":%d,"broken":%d,"sample":"%s"}'
  print(string.format("BENCH " .. form,
    summary.requests, seconds, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, ((thread:get("sample") or ""):gsub("[%c\"\\]", " "))))
end
