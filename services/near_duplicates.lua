#!lua
-- Looks up documents among the last ones entered, and enters them. What the strings hold: near_duplicates.py.
-- KEYS: geometry, ring, table, count.
-- ARGV: the geometry; whether the caller may begin a window; entries; slots a band; bits of a slot; bands; rows;
--       bytes of a signature; the least number of equal ones; the hour; the most hours of age; whether duplicates are
--       entered; then for each document its id (12 bytes, of which 8 are the story) and signature.
-- Returns for each document {} or {id, cluster, equal bytes}; false when the window is another's.
local geometry, ring, slots, count = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local numbers = {}
for at = 2, 12 do numbers[at - 1] = tonumber(ARGV[at]) end
local may_begin, entries, slots_a_band, bits, bands, rows, length = unpack(numbers, 1, 7)
local least_equal, hour, most_hours, enters_duplicates = unpack(numbers, 8)
local ID, STORY, HEAD = 12, 8, 28
local size = HEAD + length
local slot_type = 'u' .. bits

local current = redis.call('GET', geometry)
if current ~= ARGV[1] then
  if current and may_begin == 0 then return false end
  redis.call('DEL', ring, slots, count)
  redis.call('SETRANGE', ring, entries * size - 1, '\0')
  redis.call('SETBIT', slots, bands * slots_a_band * bits - 1, 0)
  redis.call('SET', geometry, ARGV[1])
end
local entered = tonumber(redis.call('GET', count) or 0)

local function hex(bytes)
  return (string.gsub(bytes, '.', function(char) return string.format('%02x', string.byte(char)) end))
end

-- The slot of each band: its bytes as a number. They are hashes, so they need no hashing.
local function slots_of(signature)
  local result = {}
  for band = 0, bands - 1 do
    local value = 0
    for at = band * rows + 1, band * rows + rows do value = value * 256 + string.byte(signature, at) end
    result[band + 1] = '#' .. (band * slots_a_band + value % slots_a_band)
  end
  return result
end

local function age(number) return (entered - 1 - number) % entries end

local function hours_since(entry) return hour - struct.unpack('>I4', entry, 2 * ID + 1) end

local function equal_bytes(own, entry)
  local other = {string.byte(entry, HEAD + 1, size)}
  local equal = 0
  for at = 1, length do
    if own[at] == other[at] then equal = equal + 1 end
  end
  return equal
end

-- The entries with an equal band, each once, and of each band the one that has its slot. Most slots of a full table
-- lead to entries that have not even the band in common, so that is looked at first.
local function candidates(places, signature)
  local command = {'BITFIELD', slots}
  for band = 1, bands do
    local at = #command
    command[at + 1], command[at + 2], command[at + 3] = 'GET', slot_type, places[band]
  end
  local own = {string.byte(signature, 1, length)}
  local by_number, all, holders = {}, {}, {}
  for band, number in ipairs(redis.call(unpack(command))) do
    local first = (band - 1) * rows
    local from = number * size + HEAD + first
    if redis.call('GETRANGE', ring, from, from + rows - 1) == string.sub(signature, first + 1, first + rows) then
      local each = by_number[number]
      if not each then
        local entry = redis.call('GETRANGE', ring, number * size, number * size + size - 1)
        each = {
          id = string.sub(entry, 1, ID), story = string.sub(entry, 1, STORY),
          cluster = string.sub(entry, ID + 1, 2 * ID),
          age = age(number), hours = hours_since(entry), equal = equal_bytes(own, entry),
        }
        by_number[number] = each
        all[#all + 1] = each
      end
      holders[band] = each
    end
  end
  return all, holders
end

-- A slot is left to a document that this one is like: whoever looks for their likes finds the first of them, as the
-- document that was first does itself when it is sent again. Until half of the window has passed: then what the first
-- one has is handed on, so that there is no gap when it goes.
local function slots_to_take(places, holders)
  local result = {}
  for band = 1, bands do
    local holder = holders[band]
    local is_left = holder and holder.equal >= least_equal
      and holder.age < entries / 2 and holder.hours <= most_hours / 2
    if not is_left then result[#result + 1] = places[band] end
  end
  return result
end

local function write(taken, id, cluster, signature)
  local number = entered % entries
  local command = {'BITFIELD', slots}
  for _, place in ipairs(taken) do
    local at = #command
    command[at + 1], command[at + 2], command[at + 3], command[at + 4] = 'SET', slot_type, place, number
  end
  redis.call('SETRANGE', ring, number * size, id .. cluster .. struct.pack('>I4', hour) .. signature)
  redis.call(unpack(command))
  entered = entered + 1
end

local function enter(id, signature)
  local places = slots_of(signature)
  local all, holders = candidates(places, signature)
  local own_story = string.sub(id, 1, STORY)

  local own, revision  -- its own entry, and the newest of its story
  for _, each in ipairs(all) do
    if each.id == id and (not own or each.age > own.age) then own = each end
    if each.story == own_story and (not revision or each.age < revision.age) then revision = each end
  end

  local best
  for _, each in ipairs(all) do
    local may_match = each.story ~= own_story and (not own or each.age > own.age)
      and each.equal >= least_equal and each.hours <= most_hours
    if may_match and (not best or each.equal > best.equal or (each.equal == best.equal and each.age > best.age)) then
      best = each
    end
  end

  local cluster = (revision or best or {}).cluster or id
  -- The story that others were copied from is nobody's duplicate.
  if revision and string.sub(cluster, 1, STORY) == own_story then best = nil end

  if not own and not (best and enters_duplicates == 0) then
    local taken = slots_to_take(places, holders)
    if #taken > 0 then write(taken, id, cluster, signature) end  -- without a slot nobody would find it
  end
  if not best then return {} end
  return {hex(best.id), hex(cluster), best.equal}
end

local answers = {}
for at = 13, #ARGV, 2 do answers[#answers + 1] = enter(ARGV[at], ARGV[at + 1]) end
redis.call('SET', count, entered)
return answers
