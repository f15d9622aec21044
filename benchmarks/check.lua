-- What wrk sends, and what it looks for in every answer. load.py writes the folder that is read here.
-- The arguments: the folder, how many requests and bodies it has, the status, the least length of a
-- body, and where to begin counting.

local threads = {}
local folder, requests, bodies, first, turn, status, least, count, mark

-- Other than local, since `done` asks the threads for them.
wrong, sample = 0, ""

local function read(name)
  local file = assert(io.open(folder .. "/" .. name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- A request, cut where its number goes.
local function cut(text)
  local from, to = text:find(mark, 1, true)
  if not from then
    return { text }
  end
  return { text:sub(1, from - 1), text:sub(to + 1) }
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  folder, status, least = args[1], tonumber(args[4]), tonumber(args[5])
  count, turn, mark = tonumber(args[6]), 0, read("mark")
  first, requests, bodies = read("start"), {}, nil
  for number = 1, tonumber(args[2]) do
    requests[number] = cut(read("request-" .. number))
  end
  for number = 1, tonumber(args[3]) do
    bodies = bodies or {}
    bodies[read("body-" .. number)] = true
  end
end

function request()
  turn = turn % #requests + 1
  local parts = requests[turn]
  if parts[2] == nil then
    return parts[1]
  end
  count = count + 1
  return parts[1] .. string.format("%0" .. #mark .. "d", count) .. parts[2]
end

local function is_right(found, body)
  if found ~= status then
    return false
  end
  if bodies then
    return bodies[body] == true
  end
  return #body >= least and body:sub(1, #first) == first
end

function response(found, _, body)
  if not is_right(found, body) then
    wrong = wrong + 1
    if sample == "" then
      sample = found .. " " .. body:sub(1, 200):gsub("[^%w {}:,./_-]", "?")
    end
  end
end

function done(summary, latency, _)
  local all, shown = 0, ""
  for _, thread in ipairs(threads) do
    all = all + thread:get("wrong")
    if shown == "" then
      shown = thread:get("sample")
    end
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "wrong": %d, '
      .. '"connect": %d, "read": %d, "write": %d, "timeout": %d, "sample": "%s"}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), all,
    errors.connect, errors.read, errors.write, errors.timeout, shown
  ))
end
