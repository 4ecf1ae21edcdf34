-- wrk script: ask for the paths of a file, one after the other.
-- Arguments: <file with one path per line> <number of threads> <where in the
-- file to start, 0 to 1>.  The threads start at evenly spaced lines, so that
-- they do not ask for the same page at the same time.  The last line printed
-- is for the harness.

local n_threads = 0

function setup(thread)
   thread:set("index", n_threads)
   n_threads = n_threads + 1
end

function init(args)
   requests = {}
   for path in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("GET", path)
   end
   local start = tonumber(args[3]) + index / tonumber(args[2])
   next_line = math.floor(start * #requests) % #requests
end

function request()
   local r = requests[next_line + 1]
   next_line = (next_line + 1) % #requests
   return r
end

function done(summary, latency, _)
   local e = summary.errors
   local n = summary.requests
   io.write(string.format(
      'wrk-summary {"requests": %d, "seconds": %.6f, '
      .. '"bytes_per_reply": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, '
      .. '"errors": %d}\n',
      n, summary.duration / 1e6, n > 0 and summary.bytes / n or 0,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      e.connect + e.read + e.write + e.status + e.timeout))
end
