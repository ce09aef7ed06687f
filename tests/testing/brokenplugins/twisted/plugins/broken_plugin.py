from pyptwist.registry import TransportPlugin


def _plugin(name: str) -> TransportPlugin:
    path = f"brokenmethods.{name.capitalize()}"
    return TransportPlugin(name, client=path, server=path)


careless = _plugin("careless")
changing = _plugin("changing")
escaping = _plugin("escaping")
faceless = _plugin("faceless")
failing = _plugin("failing")
forgetful = _plugin("forgetful")
fragile = _plugin("fragile")
late = _plugin("late")
lax = _plugin("lax")
leaving = _plugin("leaving")
talkative = _plugin("talkative")
