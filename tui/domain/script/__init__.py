"""The script language of quick replies (SillyTavern's STscript), as much of it as they commonly use."""
