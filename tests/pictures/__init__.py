"""Where pictures lie: what every place has to do, and what is special about each."""
