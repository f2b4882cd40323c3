"""The launcher `binary`: the user's own llama-server, with the user's own flags."""
