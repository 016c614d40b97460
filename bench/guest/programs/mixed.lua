-- Work of the kind that Lua programs do: tables, closures, strings, numbers. Runs unchanged on Lua 5.4 and LuaJIT.
local scale = tonumber(arg[1])
local floor = math.floor

local function sieve(limit)
  local composite, count = {}, 0
  for i = 2, limit do
    if not composite[i] then
      count = count + 1
      for k = i * i, limit, i do composite[k] = true end
    end
  end
  return count
end

local function tree(depth)
  if depth == 0 then return { 1 } end
  return { 1, tree(depth - 1), tree(depth - 1) }
end

local function weigh(node)
  if not node[2] then return node[1] end
  return node[1] + weigh(node[2]) + weigh(node[3])
end

local function counter()
  local n = 0
  return function(step)
    n = (n * 31 + step) % 1000003
    return n
  end
end

local function strings(count)
  local parts, seen = {}, {}
  for i = 1, count do
    local word = string.format("%05d", (i * 7919) % 99991)
    parts[#parts + 1] = word:reverse()
    seen[word:sub(1, 2)] = (seen[word:sub(1, 2)] or 0) + 1
  end
  table.sort(parts)
  local text = table.concat(parts, ",")
  local _, nines = text:gsub("9", "8")
  return #text, nines, seen["12"]
end

local function spectral(size)
  local v, w = {}, {}
  for i = 1, size do v[i] = 1 end
  for _ = 1, 2 do
    for i = 1, size do
      local sum = 0
      for j = 1, size do
        local ij = i + j - 2
        sum = sum + v[j] / (ij * (ij + 1) * 0.5 + i)
      end
      w[i] = sum
    end
    v, w = w, v
  end
  local sum = 0
  for i = 1, size do sum = sum + v[i] end
  return sum
end

for turn = 1, scale do
  local count = counter()
  local last = 0
  for i = 1, 60000 do last = count(i) end
  local a, b, c = strings(4000)
  print(string.format("%d %d %d %d %d %d %d %.6f", turn, sieve(30000), weigh(tree(11)), floor(last), a, b, c, spectral(100)))
end
