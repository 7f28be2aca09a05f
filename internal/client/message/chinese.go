package message

// chinese has the messages by their English text.
var chinese = map[string]string{}
