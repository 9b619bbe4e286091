"""What the agent remembers: the journal on disk, the numbered stream of events, the incidents."""
