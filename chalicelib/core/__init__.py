"""The platform every function stands on. It knows no resource of Darkroom's."""
