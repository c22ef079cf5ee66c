"""A language model behind OpenAI's chat completions protocol, simulated: it reads what it is given, by rules."""
