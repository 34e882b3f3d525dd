-- What ten-steps starts: begins anew until nothing is left.
return playbook {
  name  = "a-child",
  title = "A child",
  on    = "start",

  run = function(case, ev, state)
    local left = state and state.left or ev.left
    case:note("left: " .. left)
    if left > 0 then
      restart { left = left - 1 }
    end
    return "nothing left"
  end,
}
