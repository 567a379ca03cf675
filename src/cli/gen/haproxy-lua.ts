/**
 * Functions that HAProxy's converters lack: whether a path is unambiguous, by the rules of src/gateway/http/admission.ts; the
 * canonical path and query, by those of packages/signing/src; and a clock that never goes back.
 */
export const haproxyLua = `-- Signet: loaded by the configuration that signet gen haproxy prints. One of its kind is enough for several of them.
if signet then return end
signet = true

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function encode(bytes)
  return (bytes:gsub("[^A-Za-z0-9%-._~]", function(byte) return string.format("%%%02X", byte:byte()) end))
end

-- A dot segment, each dot encoded any number of times, also before the parameters that servlet containers cut off.
local function is_dot_segment(segment)
  local text, encoded = segment, 0
  repeat text, encoded = text:gsub("%%25", "%%") until encoded == 0
  text = text:gsub("%%2[eE]", "."):gsub("%%3[bB]", ";"):match("^[^;]*")
  return text == "." or text == ".."
end

local function is_utf8(bytes)
  return utf8.len(bytes) ~= nil and not bytes:find("\\xed[\\xa0-\\xbf]")
end

-- Whether everybody who reads this path reads the same one. An encoded slash is the configuration's to judge.
local function has_one_reading(path)
  if not path:find("[%%\\\\]") and not path:find("/.", 1, true) then return true end
  if path:find("\\\\", 1, true) then return false end
  local escapes = path:gsub("%%%x%x", "")
  if escapes:find("%", 1, true) then return false end
  if path:find("%%[01]%x") or path:find("%%7[fF]") or path:find("%%5[cC]") then return false end
  for segment in path:gsub("%%2[fF]", "/"):gmatch("[^/]+") do
    if is_dot_segment(segment) then return false end
  end
  return not path:find("%", 1, true) or is_utf8(decode(path))
end

local function canonical_path(path)
  if not path:find("[^A-Za-z0-9%-._~/]") then return path end
  return (path:gsub("[^/]+", function(segment) return encode(decode(segment)) end))
end

local function by_name_then_value(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] < b[2]
end

local function canonical_query(query)
  if query == "" then return "" end
  if not query:find("[^A-Za-z0-9%-._~=]") and query:find("^[^=]*=[^=]*$") then return query end
  local pairs_found = {}
  for pair in query:gmatch("[^&]+") do
    -- A plus sign is a space in a query, and nowhere else.
    local text = pair:gsub("+", " ")
    local name, value = text:match("^([^=]*)=(.*)$")
    pairs_found[#pairs_found + 1] = { decode(name or text), decode(value or "") }
  end
  table.sort(pairs_found, by_name_then_value)
  for i, pair in ipairs(pairs_found) do pairs_found[i] = encode(pair[1]) .. "=" .. encode(pair[2]) end
  return table.concat(pairs_found, "&")
end

-- Whole milliseconds on the scale of Uptime_sec, never fewer than have gone by. HAProxy's own time goes on while the wall clock
-- is set back.
local started
core.register_init(function() started = tonumber(core.get_info()["Start_time_sec"]) end)
local function uptime_ms()
  local now = core.now()
  return (now.sec - started) * 1000 + now.usec // 1000
end

-- A target to "uptime|path|target": the canonical path that is looked up, and the path and query lines of what is signed, of
-- which none holds a separator. Of a target that is refused the uptime alone. One converter for it all, since every call of Lua
-- costs as much as the rest of a request.
core.register_converters("signet_read", function(target)
  if target:sub(1, 1) ~= "/" or target:find("[^\\x21\\x22\\x24-\\x7e]") then return uptime_ms() .. "" end
  local path, query = target:match("^([^?]*)%??(.*)$")
  if not has_one_reading(path) then return uptime_ms() .. "" end
  local canonical = canonical_path(path)
  local closed = canonical:sub(-1) == "/" and canonical or canonical .. "/"
  return uptime_ms() .. "|" .. canonical .. "|" .. closed .. "\\n" .. canonical_query(query)
end)
`;
