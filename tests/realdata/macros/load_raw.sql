{# Runs before every dbt command that builds: lands each source table that is not there yet from its parquet file.
   One cheap query when all are there. Each table is created by one statement, so a load that broke off is
   continued by the next run. #}
{% macro load_raw() -%}
    {%- if execute -%}
        {%- set missing = missing_sources() -%}
        {%- if missing -%}
            {%- set folder = parquet_folder() -%}
            {%- do check_parquet(folder, missing) -%}
            {%- for source in missing -%}
                {%- do land(source, folder) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro missing_sources() -%}
    {%- set rows = run_query("select table_schema || '.' || table_name from information_schema.tables") -%}
    {%- set there = rows.columns[0].values() | list -%}
    {%- set missing = [] -%}
    {%- for source in graph.sources.values() if source.schema ~ '.' ~ source.identifier not in there -%}
        {%- do missing.append(source) -%}
    {%- endfor -%}
    {{ return(missing) }}
{%- endmacro %}

{# TAILRACE_REALDATA, or the folder shared/data/parquet beside the repository. #}
{% macro parquet_folder() -%}
    {%- set beside = invocation_args_dict.get('project_dir', '.') ~ '/../../../../shared/data/parquet' -%}
    {{ return(env_var('TAILRACE_REALDATA', '') or beside) }}
{%- endmacro %}

{% macro check_parquet(folder, sources) -%}
    {%- set pattern = (folder ~ '/*.parquet') | replace("'", "''") -%}
    {%- set rows = run_query("select parse_filename(file) from glob('" ~ pattern ~ "')") -%}
    {%- set there = rows.columns[0].values() | list -%}
    {%- set absent = [] -%}
    {%- for source in sources if source.config.meta.parquet not in there -%}
        {%- do absent.append(source.config.meta.parquet) -%}
    {%- endfor -%}
    {%- if absent -%}
        {{ exceptions.raise_compiler_error(
            "the raw data is not there: no " ~ absent | sort | join(', ') ~ " in " ~ folder
            ~ "; set TAILRACE_REALDATA to the folder that holds the parquet files"
        ) }}
    {%- endif -%}
{%- endmacro %}

{% macro land(source, folder) -%}
    {%- set file = (folder ~ '/' ~ source.config.meta.parquet) | replace("'", "''") -%}
    {%- set table = source.schema ~ '.' ~ source.identifier -%}
    {%- do run_query('create schema if not exists ' ~ source.schema) -%}
    {%- do run_query('create table if not exists ' ~ table ~ " as select * from read_parquet('" ~ file ~ "')") -%}
    {%- do log('landed ' ~ table ~ ' from ' ~ source.config.meta.parquet, info=true) -%}
{%- endmacro %}
